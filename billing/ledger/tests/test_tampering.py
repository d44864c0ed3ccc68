"""Whatever is changed behind the ledger's back, verify_ledger finds it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from billing.ledger import hooks
from billing.ledger.book import open_book
from billing.ledger.records import Problem
from billing.ledger.services import credits_adjust
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, draft, grant, spend
from billing.ledger.verify import verify

TABLES = ("operation", "transfer", "lottake", "lot", "wallet", "hold", "holdextension", "holdresolution")


@contextmanager
def triggers_disabled() -> Iterator[None]:
    """What only the owner of the tables can do. (Foreign keys of the test's own rows are checked before.)"""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER ALL")
        yield
        for table in TABLES:
            cursor.execute(f"ALTER TABLE ledger_{table} ENABLE TRIGGER ALL")


def tamper(sql: str) -> None:
    with triggers_disabled(), connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.rowcount > 0


@pytest.fixture
def story(ws: int) -> int:
    """Nine transfers of every kind: two lots (1: used up, 2: in part), debt and its repayment, expiry, adjustment."""
    spend(ws, 5, now=NOON)  # 1 usage.debt
    grant(ws, 50, expires=NOON + 9 * DAY, now=NOON)  # 2 grant, 3 repay
    grant(ws, 100, starts=NOON + DAY, now=NOON)  # 4 scheduled
    with open_book(ws, now=NOON + 2 * DAY) as book:  # 5 start, 6 spend
        book.spend(operation=draft(), amount=25, occurred_at=NOON, items_digest=bytes(range(32)))
    spend(ws, 40, now=NOON + 3 * DAY)  # 7 spend from both
    credits_adjust(workspace_id=ws, key="a", amount=-10, reason="Wrong", actor="sam", now=NOON + 4 * DAY)  # 8
    grant(ws, 7, expires=NOON + 5 * DAY, now=NOON + 4 * DAY)  # 9 grant
    with open_book(ws, now=NOON + 6 * DAY):  # 10 expire
        pass
    assert_clean(ws)
    return ws


def problems(ws: int) -> list[Problem]:
    return verify(workspace_id=ws).problems


@pytest.mark.parametrize(
    ("sql", "seq"),
    [
        ("UPDATE ledger_lot SET expires_at = effective_at + interval '1 day' WHERE amount = 50", 6),
        ("UPDATE ledger_lot SET effective_at = effective_at + interval '9 days' WHERE amount = 100", 7),
        ("UPDATE ledger_lot SET expires_at = expires_at + interval '9 days' WHERE amount = 7", 10),
    ],
)
def test_what_was_used_before_or_after_the_life_of_its_lot_is_found(story: int, sql: str, seq: int) -> None:
    tamper(sql)
    assert seq in {problem.seq for problem in problems(story) if problem.code == "lot_life"}


TRANSFER = "UPDATE ledger_transfer SET {} WHERE seq = 7"


@pytest.mark.parametrize(
    "sql",
    [
        TRANSFER.format("amount = amount + 1"),
        TRANSFER.format("balance_after = balance_after + 1"),
        TRANSFER.format("kind = 'usage.extra'"),
        TRANSFER.format("credit = 'expired'"),
        TRANSFER.format("occurred_at = occurred_at + interval '1 microsecond'"),
        TRANSFER.format("created_at = created_at - interval '1 microsecond'"),
        TRANSFER.format("digest = sha256('x')"),
        TRANSFER.format("items_digest = sha256('x')"),
        TRANSFER.format("operation_id = (SELECT min(operation_id) FROM ledger_transfer)"),
        "UPDATE ledger_transfer SET reverses_id = (SELECT min(id) FROM ledger_transfer) WHERE seq = 7",
        "UPDATE ledger_transfer SET items_digest = NULL WHERE items_digest IS NOT NULL",
        "UPDATE ledger_transfer SET seq = CASE seq WHEN 6 THEN 70 ELSE 6 END WHERE seq IN (6)",
        "UPDATE ledger_operation SET reason = 'Right' WHERE reason = 'Wrong'",
        "UPDATE ledger_operation SET actor = 'eve' WHERE actor = 'sam'",
        "UPDATE ledger_operation SET key = 'b' WHERE key = 'a'",
        "UPDATE ledger_operation SET request_hash = sha256('x') WHERE key = 'a'",
        "UPDATE ledger_lottake SET amount = amount - 1 WHERE position = 1",
        "UPDATE ledger_lottake SET lot_id = (SELECT max(id) FROM ledger_lot) WHERE position = 1",
        "UPDATE ledger_lottake SET position = 5 WHERE position = 1",
        "DELETE FROM ledger_lottake WHERE position = 1",
        "INSERT INTO ledger_lottake (transfer_id, lot_id, position, amount)"
        " SELECT transfer_id, lot_id, 9, 1 FROM ledger_lottake LIMIT 1",
        "UPDATE ledger_lot SET amount = amount + 1, remaining = remaining + 1 WHERE amount = 100",
        "UPDATE ledger_lot SET remaining = remaining + 1 WHERE amount = 100 AND remaining < amount",
        "UPDATE ledger_lot SET held = held + 1 WHERE amount = 100",
        "UPDATE ledger_lot SET expires_at = expires_at + interval '1 day' WHERE amount = 50",
        "UPDATE ledger_lot SET source = 'bought' WHERE amount = 50",
        "UPDATE ledger_lot SET label = 'Other' WHERE amount = 50",
        "UPDATE ledger_lot SET operation_id = (SELECT min(id) FROM ledger_operation) WHERE amount = 50",
        "UPDATE ledger_lot SET unit_price_usd = 1 WHERE amount = 50",
        "UPDATE ledger_lot SET scheduled = true WHERE amount = 100",
        "DELETE FROM ledger_lot WHERE amount = 7",
        "UPDATE ledger_wallet SET available = available + 1",
        "UPDATE ledger_wallet SET available = 0, debt = 9",
        "UPDATE ledger_wallet SET held = 1",
        "UPDATE ledger_wallet SET seq = seq + 1",
        "UPDATE ledger_wallet SET seq = seq - 1",
        "UPDATE ledger_wallet SET digest = sha256('x')",
        "UPDATE ledger_wallet SET last_at = last_at - interval '9 days'",
        "UPDATE ledger_wallet SET granted_any = false",
        "UPDATE ledger_wallet SET stopped_at = last_at",
        "UPDATE ledger_wallet SET debt_since = last_at",
        "DELETE FROM ledger_wallet",
        "DELETE FROM ledger_transfer WHERE seq = 10",
        "DELETE FROM ledger_transfer WHERE seq = 6",
        "DELETE FROM ledger_operation WHERE key = 'a'",
    ],
)
def test_every_single_change_is_found(story: int, sql: str) -> None:
    tamper(sql)
    assert problems(story) != []


def test_two_transfers_in_another_order_are_found(story: int) -> None:
    tamper("UPDATE ledger_transfer SET seq = -seq WHERE seq IN (6, 7)")
    tamper("UPDATE ledger_transfer SET seq = 13 + seq WHERE seq < 0")
    assert {problem.code for problem in problems(story)} >= {"digest"}


def test_an_operation_without_transfers_is_found(story: int) -> None:
    tamper(
        "INSERT INTO ledger_operation (workspace_id, namespace, key, request_hash, kind, result, actor, reason,"
        " created_at) SELECT workspace_id, namespace, 'more', request_hash, kind, result, actor, reason, created_at"
        " FROM ledger_operation WHERE key = 'a'"
    )
    assert [problem.code for problem in problems(story)] == ["empty_operation"]


def test_a_lot_that_nothing_brought_in_is_found(story: int) -> None:
    tamper(
        "INSERT INTO ledger_lot (workspace_id, operation_id, seq, source, label, amount, remaining, held, priority,"
        " effective_at, scheduled, created_at) SELECT workspace_id, operation_id, 99, source, label, 5, 5, 0, 0,"
        " effective_at, false, created_at FROM ledger_lot LIMIT 1"
    )
    assert "lot_unsourced" in {problem.code for problem in problems(story)}


def test_a_finding_names_the_workspace_and_the_transfer(story: int) -> None:
    tamper(TRANSFER.format("kind = 'usage.extra'"))
    (problem,) = problems(story)
    assert (problem.workspace_id, problem.seq, problem.code) == (story, 7, "digest")


def test_history_is_read_in_chunks(story: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.ledger.verify.CHUNK", 3)
    report = verify()
    assert (report.ok, report.transfers, report.workspaces) == (True, 10, 1)
    tamper(TRANSFER.format("amount = amount + 1"))
    assert not verify().ok


def test_upper_packages_add_their_own_checks(story: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Problem(story, "usage", "an event was charged twice", 7)
    monkeypatch.setattr(hooks, "verifiers", [lambda _: [found]])
    assert problems(story) == [found]
