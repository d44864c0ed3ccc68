"""Payments that were changed, or signed for something else, at the endpoint: nothing is taken, nothing credited."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.presented import MOST_BYTES
from billing.packs.x402.tests.chain import Chain
from billing.packs.x402.tests.conftest import PAY_TO, Agent, changed, credited
from billing.packs.x402.tests.network import Network

pytestmark = pytest.mark.django_db(transaction=True)
STRANGER = "0x" + "12" * 20
ARABIC = "".join(chr(0x0660 + int(digit)) for digit in "5000000")
Change = Callable[[dict[str, Any]], Any]


def signature_is(value: str) -> Change:
    return lambda content: content["payload"].update(signature=value)


def authorization(**fields: str) -> Change:
    return lambda content: content["payload"]["authorization"].update(fields)


def accepted(**fields: Any) -> Change:
    return lambda content: content["accepted"].update(fields)


def later(seconds: int) -> str:
    return str(int(clock.now().timestamp()) + seconds)


def assert_nothing_happened(workspace: Workspace, network: Network) -> None:
    assert (credited(workspace), network.chain.balance(PAY_TO), network.chain.spent) == (0, 0, {})
    assert not CryptoPayment.objects.exists()
    assert "/settle" not in network.asked


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param(lambda: authorization(value="4999999"), 402, id="a smaller amount"),
        pytest.param(lambda: authorization(value="50000000"), 402, id="a larger amount"),
        pytest.param(lambda: authorization(to=STRANGER), 402, id="another receiver"),
        pytest.param(lambda: authorization(validBefore=later(-1)), 402, id="expired"),
        pytest.param(lambda: authorization(validBefore=later(86_400)), 402, id="good for a day"),
        pytest.param(lambda: authorization(validAfter=later(60)), 402, id="good from later on"),
        pytest.param(lambda: authorization(value=ARABIC), 400, id="Arabic digits"),
        pytest.param(lambda: authorization(value="5_000_000"), 400, id="underscores"),
        pytest.param(lambda: authorization(nonce="0x" + "٣" * 64), 400, id="Arabic digits in the nonce"),
        pytest.param(lambda: authorization(validBefore=later(200)), 402, id="another time than was signed"),
        pytest.param(lambda: authorization(nonce="0x" + "3" * 64), 402, id="another nonce than was signed"),
    ],
)
def test_changed_after_it_was_signed(
    agent: Agent, workspace: Workspace, network: Network, change: Callable[[], Change], status: int, version: int
) -> None:
    value, _ = agent.sign(version)
    assert agent.present(version, changed(value, change())).status_code == status
    assert_nothing_happened(workspace, network)


@pytest.mark.parametrize(
    ("version", "change"),
    [
        pytest.param(1, lambda content: content.update(network="base"), id="network"),
        pytest.param(2, accepted(network="eip155:8453"), id="network, version 2"),
        pytest.param(2, accepted(asset=STRANGER), id="asset"),
        pytest.param(2, accepted(amount="1"), id="amount"),
        pytest.param(2, accepted(payTo=STRANGER), id="receiver"),
        pytest.param(2, accepted(maxTimeoutSeconds=10**6), id="time"),
    ],
)
def test_for_another_requirement(
    agent: Agent, workspace: Workspace, network: Network, version: int, change: Change
) -> None:
    value, _ = agent.sign(version)
    assert agent.present(version, changed(value, change)).status_code == 402
    assert_nothing_happened(workspace, network)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "other", [{"asset": STRANGER}, {"name": "Other"}, {"version": "1"}, {"network": "eip155:8453"}]
)
def test_signed_for_another_token(
    agent: Agent,
    workspace: Workspace,
    network: Network,
    wallet: LocalAccount,
    other: dict[str, str],
    version: int,
) -> None:
    """Whole, well signed, and said to be what was asked: only the signature tells."""
    value, payment = agent.sign(version)
    signed = payment.payload["authorization"]
    numbers = (int(signed[name]) for name in ("value", "validAfter", "validBefore"))
    elsewhere = Chain(replace(network.chain.token, **other))
    message = elsewhere.signable(signed["from"], signed["to"], *numbers, bytes.fromhex(signed["nonce"][2:]))
    signature = "0x" + bytes(wallet.sign_message(message).signature).hex()
    assert agent.present(version, changed(value, signature_is(signature))).status_code == 402
    assert_nothing_happened(workspace, network)


def test_the_longest_header_and_one_that_is_longer(agent: Agent, workspace: Workspace, network: Network) -> None:
    """A good payment that is padded to 8 KB is taken; one byte more, and it is not read."""
    value, _ = agent.sign(2)
    size = MOST_BYTES // 4 * 3  # what base64 makes 8 KB of
    content = base64.b64decode(value)
    longer = base64.b64encode(content.ljust(size + 3)).decode()
    assert len(longer) > MOST_BYTES
    assert agent.present(2, longer).status_code == 400
    assert_nothing_happened(workspace, network)
    longest = base64.b64encode(content.ljust(size)).decode()
    assert len(longest) == MOST_BYTES
    assert agent.present(2, longest).status_code == 200
    for each in (longest, value, longer):
        assert agent.present(2, each).status_code in (400, 409)
    assert (credited(workspace), network.chain.balance(PAY_TO)) == (1_000 * NANO, 5_000_000)


@pytest.mark.parametrize("amount", [ARABIC[:1], "5_0", " 5", "0x5", True, [5], "NaN", "5.001", -5, 0])
def test_amounts_that_are_none(agent: Agent, workspace: Workspace, network: Network, amount: object) -> None:
    value, _ = agent.sign(2)
    assert agent.present(2, value, {"amount_usd": amount}).status_code == 400
    assert_nothing_happened(workspace, network)
