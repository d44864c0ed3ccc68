"""What an operator types."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Workspace
from billing.credits.units import NANO
from billing.foundation.models import AuditEntry
from billing.ledger.models import Lot, Wallet
from billing.ledger.selectors import balance
from billing.ledger.tests.helpers import grant


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_credits_grant_gives_once_per_key(ws: int) -> None:
    workspace = Workspace.objects.get(pk=ws)
    command = [
        "credits_grant",
        "--workspace",
        workspace.public_id,
        "--credits",
        "12.5",
        "--reason",
        "Sorry",
        "--key",
        "k",
    ]
    assert "12.5 credits granted to Northwind AI" in run(*command)
    assert "granted before" in run(*command)
    answer = json.loads(run(*command, "--json"))
    assert answer == {
        "workspace": workspace.public_id,
        "lot": Lot.objects.get().pk,
        "credits_nano": "12500000000",
        "repaid_nano": "0",
        "balance_nano": "12500000000",
        "replay": True,
    }
    assert balance(ws).available == 12_500_000_000
    assert [(entry.action, entry.reason) for entry in AuditEntry.objects.filter(action="credits.grant")] == [
        ("credits.grant", "Sorry")
    ]
    with pytest.raises(CommandError, match="other content"):
        run(*command[:4], "12.6", *command[5:])


def test_credits_grant_finds_a_workspace_by_the_operators_own_id(ws: int) -> None:
    Workspace.objects.filter(pk=ws).update(external_id="cust-7")
    run("credits_grant", "--workspace", "cust-7", "--credits", "3", "--reason", "Hi", "--expires-at", "2100-01-31")
    lot = Lot.objects.get()
    assert (lot.amount, lot.label, str(lot.expires_at)) == (3 * NANO, "Hi", "2100-01-31 00:00:00+00:00")


@pytest.mark.parametrize("credits", ["0", "-1", "nan", "inf", "1e30", "0.0000000001", "many", "9223372037"])
def test_credits_grant_refuses_what_the_ledger_cannot_hold(ws: int, credits: str) -> None:
    workspace = Workspace.objects.get(pk=ws)
    with pytest.raises(CommandError):
        run("credits_grant", "--workspace", workspace.public_id, f"--credits={credits}", "--reason", "x")
    assert not Lot.objects.exists()


def test_credits_grant_refuses_a_past_expiry_and_an_unknown_workspace(ws: int) -> None:
    workspace = Workspace.objects.get(pk=ws)
    some: list[Any] = ["--credits", "1", "--reason", "x"]
    with pytest.raises(CommandError, match="before it starts"):
        run("credits_grant", "--workspace", workspace.public_id, *some, "--expires-at", "2020-01-01")
    with pytest.raises(CommandError, match="no workspace 'nobody'"):
        run("credits_grant", "--workspace", "nobody", *some)
    assert not Lot.objects.exists()


def test_verify_ledger_says_that_everything_adds_up(ws: int) -> None:
    grant(ws, 10)
    assert "Everything adds up: 1 workspaces, 1 transfers" in run("verify_ledger")
    answer = json.loads(run("verify_ledger", "--json", "--workspace", Workspace.objects.get(pk=ws).public_id))
    assert (answer["ok"], answer["transfers"], answer["problems"]) == (True, 1, [])


def test_verify_ledger_reports_drift_and_exits_with_1(ws: int) -> None:
    grant(ws, 10)
    Wallet.objects.update(available=12)
    name = Workspace.objects.get(pk=ws).public_id
    out = StringIO()
    with pytest.raises(CommandError) as failure:
        call_command("verify_ledger", stdout=out)
    assert failure.value.returncode == 1
    assert f"{name}: balance: available: 12 is kept, the transfers make 10" in out.getvalue()
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("verify_ledger", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert not answer["ok"]
    assert answer["problems"][0]["workspace"] == name
