"""Every credit that was issued is somewhere: to date and in every month, by source."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Workspace
from billing.ledger.models import Operation
from billing.ledger.services import credits_adjust, wallet_settle
from billing.ledger.tests.helpers import DAY, NOON, grant, place, release, spend
from billing.ledger.tests.test_corrections import charge, refund, reverse, undo
from billing.ledger.tests.test_tampering import tamper
from billing.ledger.trial.balance import Row, TrialBalance, trial_balance

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


def row(trial: TrialBalance, source: str, *, month: bool = False) -> Row:
    return next(row for row in (trial.in_month if month else trial.to_date) if row.source == source)


def only(source: str, **amounts: int) -> Row:
    """The row with these amounts and nothing else."""
    return Row(source=source, **amounts)


def test_nothing_at_all_adds_up(ws: int) -> None:
    trial = trial_balance(MARCH)
    assert (trial.ok, trial.workspaces) == (True, 1)
    assert {row.closing for row in trial.to_date} == {0}


def test_every_account_has_its_column(ws: int) -> None:
    lot = grant(ws, 100, source="bought", now=NOON)
    grant(ws, 20, expires=NOON + DAY, now=NOON)
    grant(ws, 7, source="plan", starts=NOON + 90 * DAY, now=NOON)
    place(ws, 30, seconds=86_000, now=NOON)  # 20 of the promotion, 10 of what was bought
    spend(ws, 40, now=NOON)
    credits_adjust(workspace_id=ws, key="a", amount=-5, reason="Wrong", actor="sam", now=NOON)
    refund(ws, lot, 15)
    trial = trial_balance(MARCH)
    assert row(trial, "bought") == only("bought", issued=100, spent=40, refunded=15, adjusted=5, available=30, held=10)
    assert row(trial, "promotion") == only("promotion", issued=20, held=20)
    assert row(trial, "plan") == only("plan", issued=7, scheduled=7)
    assert row(trial, "total").closing == 67
    assert [(way.name, way.lots, way.transfers, way.wallets) for way in trial.second] == [
        ("available", 30, 30, 30),
        ("held", 30, 30, 30),
        ("scheduled", 7, 7, None),
        ("owed", None, 0, 0),
    ]


def test_spending_on_debt_is_unsourced_until_credits_pay_it(ws: int) -> None:
    grant(ws, 10, source="plan", now=NOON)
    spend(ws, 35, now=NOON)
    assert row(trial_balance(MARCH), "unsourced") == only("unsourced", spent=25, owed=25)
    grant(ws, 20, source="bought", now=NOON + 31 * DAY)
    trial = trial_balance(APRIL)
    assert row(trial, "unsourced") == only("unsourced", spent=25, repaid=-20, owed=5)
    assert row(trial, "bought") == only("bought", issued=20, repaid=20)
    assert row(trial, "unsourced", month=True) == only("unsourced", opening=-25, repaid=-20, owed=5)
    assert row(trial, "bought", month=True) == only("bought", issued=20, repaid=20)
    assert row(trial_balance(MARCH), "unsourced", month=True) == only("unsourced", spent=25, owed=25)


def test_a_refund_of_what_is_spent_is_unsourced(ws: int) -> None:
    lot = grant(ws, 100, source="bought", now=NOON)
    spend(ws, 60, now=NOON)
    refund(ws, lot, 100)
    trial = trial_balance(MARCH)
    assert row(trial, "bought") == only("bought", issued=100, spent=60, refunded=40)
    assert row(trial, "unsourced") == only("unsourced", refunded=60, owed=60)
    assert trial.ok


def test_what_is_taken_back_is_subtracted_where_it_was(ws: int) -> None:
    grant(ws, 10, source="plan", now=NOON)
    used = charge(ws, 25)
    grant(ws, 12, source="bought", now=NOON)  # pays 12 of 15 owed
    reverse(ws, used)
    trial = trial_balance(MARCH)
    assert row(trial, "plan") == only("plan", issued=10, available=10)
    assert row(trial, "bought") == only("bought", issued=12, available=12)
    assert row(trial, "unsourced") == only("unsourced")
    assert trial.ok


def test_a_grant_that_is_taken_back_was_not_issued(ws: int) -> None:
    grant(ws, 10, source="plan", now=NOON)
    spend(ws, 4, now=NOON)
    undo(ws, Operation.objects.get(kind="grant.operator").pk)
    trial = trial_balance(MARCH)
    assert row(trial, "plan") == only("plan", issued=4, spent=4)
    assert row(trial, "unsourced") == only("unsourced", issued=-4, owed=4)
    assert trial.ok


def test_corrections_that_gave_and_took_are_one_account(ws: int) -> None:
    credits_adjust(workspace_id=ws, key="a", amount=50, reason="x", actor="x", now=NOON)
    credits_adjust(workspace_id=ws, key="b", amount=-20, reason="x", actor="x", now=NOON)
    assert row(trial_balance(MARCH), "promotion") == only("promotion", adjusted=-30, available=30)


def test_months_follow_each_other(ws: int) -> None:
    grant(ws, 100, expires=NOON + 70 * DAY, now=NOON)
    for n in range(5):
        spend(ws, 7, now=NOON + n * 20 * DAY)  # the last one after everything has expired
        if n < 4:
            release(ws, place(ws, 3, now=NOON + n * 20 * DAY), now=NOON + n * 20 * DAY)
    wallet_settle(workspace_id=ws, now=NOON + 90 * DAY)
    months = [trial_balance(date(2026, number, 1)) for number in range(2, 8)]
    for before, after in pairwise(months):
        for one, other in zip(before.in_month, after.in_month, strict=True):
            assert one.closing == other.opening
            assert other.difference == 0
    assert sum(row(month, "total", month=True).spent for month in months) == row(months[0], "total").spent == 35
    assert row(months[-1], "total", month=True).closing == row(months[-1], "total").closing == -7


def test_the_last_moment_of_a_month_is_in_it(ws: int) -> None:
    last = datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    grant(ws, 10, now=last)
    spend(ws, 4, now=datetime(2026, 4, 1, tzinfo=UTC))
    assert row(trial_balance(MARCH), "total", month=True) == only("total", issued=10, available=10)
    assert row(trial_balance(APRIL), "total", month=True) == only("total", opening=10, spent=4, available=6)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE ledger_lot SET remaining = remaining - 1", "promotion: 0.000000001 credits"),
        ("DELETE FROM ledger_lottake", "unsourced: "),
        ("UPDATE ledger_lottake SET amount = amount - 1", "promotion: "),
        ("UPDATE ledger_transfer SET amount = amount + 1 WHERE kind LIKE 'grant%'", "promotion: "),
        ("UPDATE ledger_wallet SET available = available + 1", "available: "),
        ("UPDATE ledger_wallet SET available = 0, debt = 3", "unsourced: "),
        ("DELETE FROM ledger_wallet", "available: "),
        ("DELETE FROM ledger_lot", "available: "),
    ],
)
def test_what_does_not_add_up_is_found(ws: int, sql: str, found: str) -> None:
    grant(ws, 10, now=NOON)
    spend(ws, 4, now=NOON)
    assert trial_balance().ok
    tamper(sql)
    trial = trial_balance()
    assert not trial.ok
    assert any(problem.detail.startswith(found) for problem in trial.problems)
    assert {(problem.workspace_id, problem.code) for problem in trial.problems} == {(ws, "trial_balance")}


def test_workspaces_are_read_in_chunks(ws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.ledger.trial.balance.CHUNK", 2)
    for number in range(5):
        grant(Workspace.objects.create(name=str(number)).pk, 10 + number, now=NOON)
    trial = trial_balance(MARCH)
    assert (trial.workspaces, row(trial, "total").issued) == (6, 60)


def test_the_command_prints_both_periods(ws: int, capsys: pytest.CaptureFixture[str]) -> None:
    grant(ws, 1_234_500_000_000, now=NOON)
    call_command("trial_balance", month=MARCH)
    said = capsys.readouterr().out
    assert "Every credit is accounted for" in said
    assert said.count("1,234.5") > 4
    call_command("trial_balance", month=MARCH, csv=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("period,source,opening,issued,spent,debt_paid")
    assert "2026-03,promotion,0,1234.5,0,0,0,0,0,1234.5,1234.5,0,0,0,0" in lines


def test_the_command_fails_when_something_is_missing(ws: int, capsys: pytest.CaptureFixture[str]) -> None:
    grant(ws, 5, now=NOON)
    tamper("UPDATE ledger_lot SET remaining = 4")
    with pytest.raises(CommandError, match="does not add up"):
        call_command("trial_balance")
    said = capsys.readouterr().out
    assert f"{Workspace.objects.get(pk=ws).public_id}: promotion: 0.000000001 credits" in said
