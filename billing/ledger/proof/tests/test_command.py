"""manage.py prove_balance, for the operator."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Workspace
from billing.ledger.proof.tests.checking import refusal, run
from billing.ledger.proof.tests.story import Story

pytestmark = pytest.mark.django_db


@pytest.fixture
def used(workspace: Workspace) -> Workspace:
    Story(workspace).grant(12)
    return workspace


def test_the_proof_is_written_to_a_file(used: Workspace, tmp_path: Path) -> None:
    path, said = tmp_path / "northwind.jsonl", io.StringIO()
    call_command("prove_balance", used.public_id, output=path, stdout=said)
    assert f"verifier.py {path}" in said.getvalue()
    assert run(path)[0] == 0


def test_without_a_file_it_goes_to_standard_output(used: Workspace, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    call_command("prove_balance", used.public_id)
    assert refusal(capfdbinary.readouterr().out) == ""


def test_what_cannot_be_done_is_said(used: Workspace, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("prove_balance", used.public_id, output=tmp_path / "no such place" / "proof.jsonl")
    with pytest.raises(CommandError, match="There is no workspace 'ws_nobody'"):
        call_command("prove_balance", "ws_nobody")
