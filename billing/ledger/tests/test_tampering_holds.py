"""Whatever is changed about holds and reversals behind the ledger's back, verify_ledger finds it."""

from datetime import timedelta

import pytest

from billing.ledger.book import open_book
from billing.ledger.models import Operation
from billing.ledger.records import OperationDraft
from billing.ledger.services import overdraft_set
from billing.ledger.tests.helpers import NOON, assert_clean, extend, grant, place, release, settle, spend
from billing.ledger.tests.test_tampering import problems, tamper

HOLD = "(SELECT min(operation_id) FROM ledger_hold WHERE open_until IS {} NULL)"
OPEN, OVER = HOLD.format("NOT"), HOLD.format("")


@pytest.fixture
def story(ws: int) -> int:
    """An open hold of two lots and the overdraft, holds that were settled, released and have expired, a reversal."""
    grant(ws, 30, expires=NOON + timedelta(days=9), now=NOON)
    grant(ws, 100, now=NOON)
    settle(ws, place(ws, 40), 25)
    release(ws, place(ws, 10))
    place(ws, 5, seconds=60)
    spend(ws, 10, now=NOON + timedelta(hours=1))
    overdraft_set(workspace_id=ws, limit=20)
    kept = place(ws, 105, now=NOON + timedelta(hours=1))
    extend(ws, kept, seconds=3600, now=NOON + timedelta(hours=1))
    charged = Operation.objects.filter(kind="usage.spend").latest("pk").pk
    with open_book(ws, now=NOON + timedelta(hours=1)) as book:
        operation = OperationDraft("usage", "reverse", bytes(32), "usage.reverse", reverses_id=charged)
        book.reverse(operation=operation, kind="usage.reverse", operation_id=charged)
    assert_clean(ws)
    return ws


@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE ledger_hold SET amount = amount + 1 WHERE operation_id = {OPEN}",
        f"UPDATE ledger_hold SET amount = amount + 1 WHERE operation_id = {OVER}",
        f"UPDATE ledger_hold SET overdraft = overdraft - 1 WHERE operation_id = {OPEN}",
        f"UPDATE ledger_hold SET open_until = NULL WHERE operation_id = {OPEN}",
        f"UPDATE ledger_hold SET open_until = created_at + interval '1 hour' WHERE operation_id = {OVER}",
        f"UPDATE ledger_hold SET open_until = open_until + interval '1 minute' WHERE operation_id = {OPEN}",
        f"UPDATE ledger_hold SET workspace_id = -1 WHERE operation_id = {OPEN}",
        f"DELETE FROM ledger_hold WHERE operation_id = {OPEN}",
        f"DELETE FROM ledger_holdresolution WHERE hold_id = {OVER}",
        f"INSERT INTO ledger_holdresolution (hold_id, workspace_id, kind, operation_id, created_at)"
        f" SELECT {OPEN}, min(workspace_id), 'release', min(id), now() FROM ledger_operation",
        f"UPDATE ledger_holdresolution SET workspace_id = -1 WHERE hold_id = {OVER}",
        "UPDATE ledger_holdextension SET expires_at = expires_at - interval '1 minute'",
        "DELETE FROM ledger_holdextension",
        "UPDATE ledger_holdresolution SET created_at = created_at - interval '1 minute' WHERE kind = 'expire'",
        "UPDATE ledger_holdresolution SET created_at = created_at + interval '1 hour' WHERE kind <> 'expire'",
        "UPDATE ledger_lot SET held = held + 1 WHERE amount = 100 AND remaining > held",
        "UPDATE ledger_lot SET held = held - 1 WHERE amount = 100",
        "UPDATE ledger_wallet SET held = held + 1",
        "UPDATE ledger_wallet SET overdraft_held = overdraft_held + 1",
        "UPDATE ledger_wallet SET open_holds = open_holds - 1",
        "UPDATE ledger_wallet SET open_holds = open_holds + 1",
        "UPDATE ledger_wallet SET next_due_at = NULL",
        "UPDATE ledger_wallet SET next_due_at = next_due_at + interval '2 hours'",
        "UPDATE ledger_transfer SET reverses_id = NULL WHERE reverses_id IS NOT NULL",
        "UPDATE ledger_transfer SET amount = amount + 1 WHERE kind = 'usage.reverse'",
        "UPDATE ledger_transfer SET kind = 'usage.spend' WHERE kind = 'hold.settle'",
        "UPDATE ledger_transfer SET debit = 'available' WHERE kind = 'hold.settle'",
        "UPDATE ledger_lottake SET amount = -amount WHERE amount < 0",
        "DELETE FROM ledger_transfer WHERE kind = 'hold.overdraft'",
    ],
)
def test_every_single_change_is_found(story: int, sql: str) -> None:
    tamper(sql)
    assert problems(story) != []


def test_what_is_taken_back_twice_is_found(story: int) -> None:
    tamper(
        "UPDATE ledger_transfer SET amount = amount - 1 WHERE id ="
        " (SELECT reverses_id FROM ledger_transfer WHERE kind = 'usage.reverse')"
    )
    assert "reversed" in {problem.code for problem in problems(story)}
