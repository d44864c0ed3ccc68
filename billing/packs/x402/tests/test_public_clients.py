"""The public clients pay over HTTP, each as a program of its own; the one of the documentation as it is printed."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from eth_account.signers.local import LocalAccount

from accounts.models import ApiKey, Workspace
from billing.credits.units import NANO
from billing.invoices.models import Document
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.tests.conftest import PAY_TO, credited
from billing.packs.x402.tests.network import Network
from billing.packs.x402.tests.served import served
from portal.home import BASE_DIR

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = Path(__file__).with_name("clients")
GUIDE = BASE_DIR / "docs" / "integrations" / "x402.md"
PRINTED = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
LEGACY = Path(sys.prefix) / "legacy"

# The program, which version of the package it imports, and which of the protocol it speaks. The first three have one of
# each.
PROGRAMS = [
    ("", "2.25.0", 2),  # the one of the documentation
    ("requests_v1.py", "2.25.0", 1),
    ("legacy_httpx.py", "1.0.0", 1),
    ("httpx_v2.py", "2.25.0", 2),
    ("legacy_requests.py", "1.0.0", 1),
]
VERSION = "from importlib import metadata, util; print(metadata.version('x402'), util.find_spec('x402').origin)"


def run(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment_of(version: str, **own: str) -> dict[str, str]:
    """With the package in this version, and no other."""
    paths = {}
    if version == "1.0.0":
        assert (LEGACY / "x402").is_dir(), "the older client is missing: make install-dev"
        paths = {"PYTHONPATH": str(LEGACY)}
    found = os.environ | paths | own
    said, file = run(found, "-c", VERSION).split()
    assert said == version
    assert Path(file).is_relative_to(LEGACY) == (version == "1.0.0")
    return found


@pytest.mark.parametrize(
    "programs", [PROGRAMS[:3], pytest.param(PROGRAMS, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_each_pays_and_is_credited_once(
    workspace: Workspace,
    workspace_key: Callable[..., tuple[ApiKey, str]],
    network: Network,
    wallet: LocalAccount,
    programs: list[tuple[str, str, int]],
) -> None:
    (printed,) = PRINTED.findall(GUIDE.read_text())
    with served(network.url) as server:
        account = {
            "PURSER_URL": f"http://127.0.0.1:{server.port}",
            "PURSER_KEY": workspace_key()[1],
            "WALLET_KEY": "0x" + bytes(wallet.key).hex(),
        }
        for number, (name, version, protocol) in enumerate(programs, 1):
            program = [str(CLIENTS / name)] if name else ["-c", printed]
            balance, transaction = run(environment_of(version, **account), *program).split()
            payment = CryptoPayment.objects.latest("pk")
            assert (payment.version, payment.state, payment.transaction) == (protocol, "credited", transaction), name
            assert int(balance) == number * 1_000
            assert (credited(workspace), network.chain.balance(PAY_TO)) == (number * 1_000 * NANO, number * 5_000_000)
    assert CryptoPayment.objects.count() == Document.objects.count() == len(programs)
    call_command("verify_ledger")
