"""Credits come in, are used in the written order, and what is beyond them becomes debt that is repaid first."""

import contextlib
from datetime import datetime
from decimal import Decimal

import pytest

from billing.credits.units import MAX_NANO
from billing.ledger.book import open_book
from billing.ledger.errors import AmountOutOfRange, IdempotencyConflict, InsufficientCredits, LedgerError
from billing.ledger.models import Lot, LotTake, Operation, Transfer, Wallet
from billing.ledger.records import SpendResult
from billing.ledger.selectors import balance, lots, transfers
from billing.ledger.services import credits_adjust, credits_grant
from billing.ledger.store import FIRST_LOTS
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, draft, grant, spend


def rows(ws: int) -> list[tuple[str, str, str, int, int]]:
    found = Transfer.objects.filter(workspace_id=ws).order_by("seq")
    return [(each.kind, each.debit, each.credit, each.amount, each.balance_after) for each in found]


def test_a_grant_is_one_transfer_and_one_lot(ws: int) -> None:
    result = credits_grant(
        workspace_id=ws,
        key="a",
        amount=100,
        label="Welcome",
        unit_price_usd=Decimal("0.004"),
        actor="sam",
        reason="new",
    )
    assert (result.amount, result.repaid, result.balance, result.replay) == (100, 0, 100, False)
    assert rows(ws) == [("grant.operator", "issued", "available", 100, 100)]
    lot = Lot.objects.get(pk=result.lot_id)
    assert (lot.label, lot.amount, lot.remaining, lot.seq, lot.unit_price_usd) == (
        "Welcome",
        100,
        100,
        1,
        Decimal("0.004"),
    )
    assert (lot.operation.actor, lot.operation.reason) == ("sam", "new")
    assert_clean(ws)


def test_spending_takes_from_lots_in_burn_order(ws: int) -> None:
    bought = grant(ws, 50, source="bought", now=NOON)
    later = grant(ws, 50, source="plan", expires=NOON + 9 * DAY, now=NOON)
    sooner = grant(ws, 50, expires=NOON + 5 * DAY, now=NOON)
    assert spend(ws, 120, now=NOON).covered == 120
    takes = LotTake.objects.filter(transfer__kind="usage.spend").order_by("position").values_list("lot_id", "amount")
    assert list(takes) == [(sooner, 50), (later, 50), (bought, 20)]
    assert balance(ws, NOON).available == 30
    assert_clean(ws)


def test_spending_nothing_writes_nothing(ws: int) -> None:
    with open_book(ws) as book:
        operation = draft()
        book.spend(operation=operation, amount=0, occurred_at=book.now)
    assert operation.id is None
    assert not Operation.objects.exists()


def test_an_operation_has_its_id_before_it_is_written(ws: int) -> None:
    with open_book(ws) as book:
        operation = draft()
        book.spend(operation=operation, amount=5, occurred_at=book.now)
        book.also("SELECT 1")
        assert operation.id is not None
        assert not Operation.objects.filter(pk=operation.id).exists()
    assert Operation.objects.get(pk=operation.id).key == operation.key


def test_what_the_balance_cannot_cover_becomes_debt_and_is_repaid_first(ws: int) -> None:
    grant(ws, 10)
    assert spend(ws, 17) == SpendResult(covered=10, debt=7)
    assert (balance(ws).available, balance(ws).debt) == (0, 7)
    small = credits_grant(workspace_id=ws, key="small", amount=3, label="Small")
    assert (small.repaid, small.balance) == (3, 0)
    large = credits_grant(workspace_id=ws, key="large", amount=10, label="Large")
    assert (large.repaid, large.balance) == (4, 6)
    assert rows(ws)[1:] == [
        ("usage.spend", "available", "spent", 10, 0),
        ("usage.debt", "debt", "spent", 7, 0),
        ("grant.operator", "issued", "available", 3, 3),
        ("debt.repay", "available", "debt", 3, 0),
        ("grant.operator", "issued", "available", 10, 10),
        ("debt.repay", "available", "debt", 4, 6),
    ]
    repaid = LotTake.objects.filter(transfer__kind="debt.repay").order_by("id").values_list("lot_id", "amount")
    assert list(repaid) == [(small.lot_id, 3), (large.lot_id, 4)]
    assert_clean(ws)


def test_a_wallet_with_many_open_lots_reads_only_what_it_needs(ws: int) -> None:
    made = [grant(ws, 2) for _ in range(FIRST_LOTS + 5)]
    spend(ws, 1)
    spend(ws, 2 * FIRST_LOTS + 2)
    assert list(Lot.objects.filter(open=True).order_by("id").values_list("id", "remaining")) == [
        (made[-4], 1),
        *((lot, 2) for lot in made[-3:]),
    ]
    assert_clean(ws)


def test_several_operations_in_one_book_are_written_together(ws: int) -> None:
    with open_book(ws) as book:
        book.grant(operation=draft(namespace="plan"), amount=100, source="plan", label="March", kind="grant.plan")
        book.spend(operation=draft(), amount=30, occurred_at=book.now)
        book.flush()
        book.spend(operation=draft(), amount=80, occurred_at=book.now)
        assert book.available == 0
    assert [kind for kind, *_ in rows(ws)] == ["grant.plan", "usage.spend", "usage.spend", "usage.debt"]
    assert_clean(ws)


def test_a_failing_block_writes_nothing(ws: int) -> None:
    grant(ws, 100)
    with contextlib.suppress(ZeroDivisionError), open_book(ws) as book:
        book.spend(operation=draft(), amount=30, occurred_at=book.now)
        book.flush()
        assert Transfer.objects.count() == 2
        1 / 0  # noqa: B018
    assert Transfer.objects.count() == 1
    assert balance(ws).available == 100
    assert_clean(ws)


def test_callers_statements_run_under_the_lock_and_with_the_write(ws: int) -> None:
    grant(ws, 100)
    reading = "SELECT available FROM ledger_wallet WHERE workspace_id = %s"
    with open_book(ws, also=[(reading, [ws])]) as book:
        assert book.extra == [[(100,)]]
        book.spend(operation=draft(), amount=30, occurred_at=book.now)
        assert book.flush([(reading, [ws])]) == [[(70,)]]
        book.also("UPDATE accounts_workspace SET name = %s WHERE id = %s", ["Renamed", ws])
    assert Wallet.objects.get(pk=ws).workspace.name == "Renamed"


def test_a_second_book_of_one_workspace_is_refused(ws: int) -> None:
    with open_book(ws), pytest.raises(LedgerError, match="open already"), open_book(ws):
        pass
    with open_book(ws):  # and the first one is forgotten once closed
        pass


def test_same_key_and_content_answers_again_other_content_conflicts(ws: int) -> None:
    first = credits_grant(workspace_id=ws, key="a", amount=100, label="Gift")
    spend(ws, 40)
    again = credits_grant(workspace_id=ws, key="a", amount=100, label="Gift")
    assert (again.lot_id, again.balance, again.replay) == (first.lot_id, 100, True)
    assert balance(ws).available == 60
    with pytest.raises(IdempotencyConflict):
        credits_grant(workspace_id=ws, key="a", amount=101, label="Gift")
    credits_grant(workspace_id=ws, key="a", namespace="plan", amount=101, label="Gift")  # another's keys do not collide
    assert balance(ws).available == 161


def test_a_key_is_found_before_it_is_written(ws: int) -> None:
    with open_book(ws) as book:
        operation = draft("twice")
        operation.result = {"said": "once"}
        book.spend(operation=operation, amount=5, occurred_at=book.now)
        assert book.find("usage", "twice", bytes(32)) == {"said": "once"}
        assert book.find("usage", "other", bytes(32)) is None


def test_amounts_beyond_64_bits_are_refused(ws: int) -> None:
    grant(ws, MAX_NANO - 5)
    with pytest.raises(AmountOutOfRange):
        grant(ws, 6)
    with pytest.raises(AmountOutOfRange):
        grant(ws, 6, starts=NOON + 10_000 * DAY)
    with pytest.raises(AmountOutOfRange):
        spend(ws, MAX_NANO + 1)
    spend(ws, MAX_NANO)
    assert balance(ws).debt == 5
    with pytest.raises(AmountOutOfRange):
        spend(ws, MAX_NANO - 4)
    assert balance(ws).debt == 5
    assert_clean(ws)


def test_an_explanation_that_is_too_long_does_not_undo_a_grant(ws: int) -> None:
    long = "because\x00 " * 300
    result = credits_grant(workspace_id=ws, key="a", amount=100, label=long, actor=long, reason=long)
    lot = Lot.objects.get(pk=result.lot_id)
    assert (len(lot.label), len(lot.operation.actor), len(lot.operation.reason)) == (120, 200, 500)
    assert_clean(ws)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_grant_is_more_than_nothing(ws: int, amount: int) -> None:
    with pytest.raises(AmountOutOfRange):
        grant(ws, amount)


def test_a_lot_cannot_expire_before_it_starts(ws: int) -> None:
    with pytest.raises(ValueError, match="before it starts"):
        grant(ws, 5, starts=NOON + DAY, expires=NOON + DAY, now=NOON)


def test_operator_adjusts_both_ways(ws: int) -> None:
    up = credits_adjust(workspace_id=ws, key="up", amount=50, reason="Missing credits", actor="sam")
    down = credits_adjust(workspace_id=ws, key="down", amount=-20, reason="Counted twice", actor="sam")
    assert (up.balance, down.lot_id, down.balance) == (50, None, 30)
    assert credits_adjust(workspace_id=ws, key="down", amount=-20, reason="Counted twice", actor="sam").replay
    assert rows(ws) == [
        ("adjust.operator", "adjusted", "available", 50, 50),
        ("adjust.operator", "available", "adjusted", 20, 30),
    ]
    with pytest.raises(InsufficientCredits):
        credits_adjust(workspace_id=ws, key="more", amount=-31, reason="x", actor="sam")
    assert_clean(ws)


def test_a_positive_adjustment_repays_debt(ws: int) -> None:
    spend(ws, 8)
    assert credits_adjust(workspace_id=ws, key="up", amount=10, reason="x", actor="sam").repaid == 8
    assert balance(ws).available == 2
    assert_clean(ws)


def test_stamps_never_go_backwards(ws: int) -> None:
    grant(ws, 100, now=NOON)
    spend(ws, 10, now=NOON - DAY)
    spend(ws, 10, now=NOON + DAY)
    stamps: list[datetime] = list(Transfer.objects.order_by("seq").values_list("created_at", flat=True))
    assert stamps == [NOON, NOON, NOON + DAY]
    assert_clean(ws)


def test_lots_are_listed_in_burn_order_with_their_status(ws: int) -> None:
    used = grant(ws, 5, expires=NOON + 2 * DAY, now=NOON)
    gone = grant(ws, 5, expires=NOON + 3 * DAY, now=NOON)
    never = grant(ws, 5, source="bought", now=NOON)
    first = grant(ws, 5, expires=NOON + 9 * DAY, now=NOON)
    future = grant(ws, 5, starts=NOON + 8 * DAY, now=NOON)
    spend(ws, 5, now=NOON)
    at = NOON + 4 * DAY
    expected = [(first, "next"), (never, "active"), (future, "scheduled"), (gone, "expired"), (used, "used")]
    assert [(lot.id, lot.status) for lot in lots(ws, at)] == expected  # nothing is posted yet
    spend(ws, 1, now=at)
    assert [(lot.id, lot.status) for lot in lots(ws, at)] == expected


def test_transfers_come_newest_first_in_pages(ws: int) -> None:
    for _ in range(5):
        grant(ws, 1)
    first = list(transfers(ws, limit=3))
    rest = list(transfers(ws, before_seq=first[-1].seq, limit=3))
    assert [each.seq for each in first + rest] == [5, 4, 3, 2, 1]
    assert first[0].operation.namespace == "operator"
