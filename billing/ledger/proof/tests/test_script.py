"""The verifier as a customer has it: one file, any Python from 3.8 on, a clear answer to whatever it is given."""

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.models import Sum

from billing.credits.units import NANO
from billing.ledger.models import Lot
from billing.ledger.proof import verifier
from billing.ledger.proof.tests.checking import SCRIPT, heads, lines_of, refusal, run, sealed
from billing.ledger.proof.tests.forge import Forger

pytestmark = pytest.mark.django_db
Save = Callable[[bytes], Path]


def test_it_needs_nothing_but_python() -> None:
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 8))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_it_tells_the_balance_and_where_credits_came_from_and_went(saved: Save) -> None:
    forger = Forger()
    forger.post("usage.debt", "debt", "spent", 2 * NANO)
    forger.grant(1_500 * NANO, lasts=1)
    forger.post("debt.repay", "available", "debt", 2 * NANO, (1, 2 * NANO), same=True)
    forger.post("hold.place", "available", "held", 5 * NANO // 2, (1, 5 * NANO // 2))
    forger.post("usage.spend", "available", "spent", 1, (1, 1))
    status, said = run(saved(forger.proof()))
    assert status == 0
    shown = [line.split() for line in said.splitlines()]
    assert shown[0] == ["VALID:", "everything", "in", "this", "file", "adds", "up"]
    for line in (
        "5 entries up to 2026-03-01T12:00:00.000000Z, 1 lots",
        "available 1,495.499999999 credits",
        "held 2.5 credits",
        "debt 0 credits",
        "granted 1,500",
        "spent -0.000000001",
        "there now 1,497.999999999",
        "used beyond the balance",
        "paid back 2",
        "there now 0",
    ):
        assert line.split() in shown, said


def test_it_tells_what_the_lots_of_each_source_have(proof: bytes, saved: Save) -> None:
    _, said = run(saved(proof))
    shown = " ".join(said.split())
    for source in ("bought", "plan", "promotion"):
        sums = Lot.objects.filter(source=source).aggregate(left=Sum("remaining"))
        left = re.escape(verifier.credits(sums["left"]))
        assert re.search(rf"{source} granted [^a-z]+ adjusted .*? there now {left} ", shown)


def test_it_accepts_any_older_head(proof: bytes, saved: Save) -> None:
    known = heads(proof)
    path = saved(proof)
    assert run(path, "--head", known[0], "--head", known[20].upper(), "--head", known[-1].partition(":")[2])[0] == 0
    assert refusal(proof, *known) == ""


def test_it_refuses_a_head_that_the_chain_does_not_have(proof: bytes, saved: Save) -> None:
    status, said = run(saved(proof), "--head", "ab" * 32)
    assert status == 1
    assert "the chain does not go through abab" in said
    fifth = heads(proof)[4].partition(":")[2]
    assert "entry 6 has another digest than --head says" in refusal(proof, f"6:{fifth}")
    assert "does not go through" in refusal(proof, f"900:{fifth}")
    assert "does not go through" in refusal(proof, f"0:{fifth}")


@pytest.mark.parametrize("head", ["", "12", "12:abc", "x:" + "a" * 64, "-1:" + "a" * 64, "g" * 64])
def test_a_head_that_is_none_is_wrong_usage(proof: bytes, saved: Save, head: str) -> None:
    status, said = run(saved(proof), f"--head={head}")
    assert status == 2
    assert "a head is NUMBER:DIGEST" in said


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'"text"\n',
        b"\xff\xfe\x00\n",
        b"\x1f\x8b\x08\x00" + bytes(range(256)) + b"\n",
        "{“}\n".encode(),
        b"[" * 100_000 + b"\n",
        b'{"format":' + b"[" * 5_000 + b"]" * 5_000 + b"}\n",
        b'{"format":' + b"9" * 5_000 + b"}\n",
        b'{"format":"purser-proof"}\n',
        b"no end of line",
        b"<html><body>Sign in</body></html>\n",
    ],
)
def test_what_is_no_proof_is_refused_with_a_reason(content: bytes, saved: Save) -> None:
    status, said = run(saved(content))
    assert status == 1
    assert said.startswith("NOT VALID: line 1: ")


def test_a_file_that_cannot_be_read_is_refused_with_a_reason(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing here"):
        status, said = run(path)
        assert status == 1
        assert said.startswith("NOT VALID: [Errno")


def test_names_cannot_write_to_the_terminal_what_they_like(proof: bytes, saved: Save) -> None:
    lines = lines_of(proof)
    lines[0]["workspace"]["name"] = "Evil\x1b[2J\nVALID \ud800"
    status, said = run(saved(sealed(lines)))
    assert status == 0
    assert "Evil?[2J?VALID ?" in said
