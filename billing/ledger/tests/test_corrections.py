"""Corrections are new operations that take back what another one did; nothing comes back twice."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.models import Workspace
from billing.credits.units import MAX_NANO
from billing.ledger.book import open_book
from billing.ledger.correction_services import lot_refund, operation_reverse
from billing.ledger.errors import AmountOutOfRange, IdempotencyConflict, NotReversible
from billing.ledger.models import Lot, Operation, Transfer
from billing.ledger.records import OperationDraft, RefundResult, ReverseResult
from billing.ledger.selectors import balance, lots, refundable
from billing.ledger.services import credits_adjust
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, draft, grant, place, release, settle, spend

pytestmark = pytest.mark.django_db


def charge(ws: int, amount: int, *, now: object = NOON) -> int:
    """Usage of `amount`; its operation."""
    with open_book(ws, now=NOON) as book:
        operation = draft()
        book.spend(operation=operation, amount=amount, occurred_at=book.now)
    assert operation.id is not None
    return operation.id


def reverse(ws: int, operation_id: int, start: int = 0, amount: int | None = None, **when: object) -> ReverseResult:
    with open_book(ws, now=when.get("now", NOON)) as book:  # type: ignore[arg-type]
        operation = OperationDraft("usage", f"r{operation_id}:{start}", bytes(32), "usage.reverse")
        operation.reverses_id = operation_id
        return book.reverse(
            operation=operation, kind="usage.reverse", operation_id=operation_id, start=start, amount=amount
        )


def refund(ws: int, lot: int, amount: int, key: str = "r") -> RefundResult:
    return lot_refund(workspace_id=ws, lot_id=lot, amount=amount, key=key, reason="asked", actor="staff", now=NOON)


def undo(ws: int, operation_id: int, key: str = "u") -> RefundResult:
    return operation_reverse(
        workspace_id=ws, operation_id=operation_id, key=key, reason="mistake", actor="staff", now=NOON
    )


def wallet(ws: int, now: object = NOON) -> tuple[int, int, int]:
    found = balance(ws, now)  # type: ignore[arg-type]
    return found.available, found.held, found.debt


def left(ws: int) -> list[int]:
    return list(Lot.objects.filter(workspace_id=ws).order_by("pk").values_list("remaining", flat=True))


def moves(ws: int, last: int) -> list[tuple[str, str, str, int]]:
    rows = Transfer.objects.filter(workspace_id=ws).order_by("-seq").values_list("kind", "debit", "credit", "amount")
    return list(reversed(rows[:last]))


def test_a_charge_goes_back_to_the_lots_that_paid_last_first(ws: int) -> None:
    grant(ws, 30, now=NOON), grant(ws, 50, now=NOON)
    paid = charge(ws, 60)
    assert left(ws) == [0, 20]
    assert reverse(ws, paid) == ReverseResult(returned=60, cancelled=0)
    assert left(ws) == [30, 50]
    back = Transfer.objects.get(kind="usage.reverse")
    assert [take.amount for take in back.takes.order_by("position")] == [-30, -30]
    assert back.reverses is not None
    assert (back.reverses.kind, back.operation.reverses_id) == ("usage.spend", paid)
    assert_clean(ws)


def test_one_event_of_a_batch_goes_back_to_the_lots_that_paid_for_it(ws: int) -> None:
    grant(ws, 30, now=NOON), grant(ws, 50, now=NOON)
    paid = charge(ws, 60)
    reverse(ws, paid, start=20, amount=25)  # 10 of the first lot, 15 of the second
    assert left(ws) == [10, 35]
    reverse(ws, paid, start=0, amount=20)
    reverse(ws, paid, start=45, amount=15)
    assert left(ws) == [30, 50]
    assert_clean(ws)


def test_nothing_comes_back_twice(ws: int) -> None:
    grant(ws, 100, now=NOON)
    paid = charge(ws, 60)
    with pytest.raises(NotReversible):
        reverse(ws, paid, start=50, amount=11)
    reverse(ws, paid)
    with pytest.raises(NotReversible):
        reverse(ws, paid, start=1, amount=1)
    assert_clean(ws)


def test_debt_is_cancelled_once(ws: int) -> None:
    owed, _ = charge(ws, 20), charge(ws, 20)
    reverse(ws, owed)
    with pytest.raises(NotReversible):
        reverse(ws, owed, start=5)
    assert wallet(ws) == (0, 0, 20)
    assert_clean(ws)


def test_a_charge_that_was_owed_is_cancelled(ws: int) -> None:
    grant(ws, 40, now=NOON)
    paid = charge(ws, 100)
    assert reverse(ws, paid) == ReverseResult(returned=40, cancelled=60)
    assert wallet(ws) == (40, 0, 0)
    assert [move[0] for move in moves(ws, 2)] == ["usage.reverse", "usage.reverse"]
    assert_clean(ws)


def test_what_comes_back_repays_other_debt_at_once(ws: int) -> None:
    grant(ws, 60, now=NOON)
    paid, owed = charge(ws, 60), charge(ws, 40)
    reverse(ws, paid)
    assert wallet(ws) == (20, 0, 0)
    # Its debt was repaid by what came back: that is undone, and the credits are free.
    assert reverse(ws, owed) == ReverseResult(returned=0, cancelled=40)
    assert wallet(ws) == (60, 0, 0)
    assert left(ws) == [60]
    assert [move[0] for move in moves(ws, 2)] == ["debt.reopen", "usage.reverse"]
    assert_clean(ws)


def test_debt_that_later_grants_repaid_goes_back_to_them_latest_first(ws: int) -> None:
    owed, other = charge(ws, 100), charge(ws, 50)
    grant(ws, 70, now=NOON), grant(ws, 60, now=NOON)
    assert wallet(ws) == (0, 0, 20)
    reverse(ws, owed)  # 20 of it is owed still, 80 was repaid: 60 by the second lot, 20 by the first; 50 stay repaid
    assert wallet(ws) == (80, 0, 0)
    assert left(ws) == [20, 60]
    reverse(ws, other)
    assert left(ws) == [70, 60]
    assert_clean(ws)


def test_credits_that_come_back_to_an_expired_lot_expire(ws: int) -> None:
    grant(ws, 50, expires=NOON + DAY, now=NOON)
    paid = charge(ws, 30)
    reverse(ws, paid, now=NOON + 2 * DAY)
    assert wallet(ws, NOON + 2 * DAY) == (0, 0, 0)
    assert [move[0] for move in moves(ws, 3)] == ["lot.expire", "usage.reverse", "lot.expire"]
    assert [row.status for row in lots(ws, NOON + 2 * DAY)] == ["expired"]
    assert_clean(ws)


def test_a_settled_hold_can_be_reversed(ws: int) -> None:
    grant(ws, 30, now=NOON), grant(ws, 50, now=NOON)
    hold = place(ws, 40, now=NOON)
    settle(ws, hold, 100)
    paid = Transfer.objects.get(kind="hold.settle").operation_id
    assert wallet(ws) == (0, 0, 20)
    assert reverse(ws, paid, start=35, amount=50) == ReverseResult(returned=45, cancelled=5)
    assert wallet(ws) == (30, 0, 0)
    reverse(ws, paid, start=0, amount=35)
    reverse(ws, paid, start=85, amount=15)
    assert wallet(ws) == (80, 0, 0)
    assert left(ws) == [30, 50]
    assert_clean(ws)


def test_an_unspent_part_is_refunded_from_the_lot_itself(ws: int) -> None:
    grant(ws, 100, now=NOON)
    bought = grant(ws, 100, source="bought", now=NOON)
    told = refund(ws, bought, 40)
    assert (told.amount, told.from_lot, told.spent, told.owed, told.balance) == (40, 40, 0, 0, 160)
    assert left(ws) == [100, 60]
    found = refundable(ws, bought)
    assert found is not None
    assert (found.unspent, found.taken_back, found.most) == (60, 40, 60)
    assert refund(ws, bought, 40).replay
    with pytest.raises(IdempotencyConflict):
        refund(ws, bought, 41)
    with pytest.raises(NotReversible):
        refund(ws, bought, 61, key="more")
    assert_clean(ws)


def test_a_spent_part_becomes_debt_that_other_credits_repay(ws: int) -> None:
    bought = grant(ws, 100, source="bought", now=NOON)
    charge(ws, 70)
    gift = grant(ws, 20, now=NOON)
    told = refund(ws, bought, 100)
    assert (told.from_lot, told.spent, told.owed, told.balance) == (30, 70, 50, 0)
    assert left(ws) == [0, 0]
    assert moves(ws, 3) == [
        ("refund.pack", "available", "refunded", 30),
        ("refund.debt", "debt", "refunded", 70),
        ("debt.repay", "available", "debt", 20),
    ]
    assert Transfer.objects.get(kind="debt.repay").takes.get().lot_id == gift
    grant(ws, 60, now=NOON)
    assert wallet(ws) == (10, 0, 0)
    assert_clean(ws)


def test_what_is_held_of_a_refunded_lot_repays_when_it_is_released(ws: int) -> None:
    bought = grant(ws, 100, source="bought", now=NOON)
    hold = place(ws, 80, now=NOON)
    assert refund(ws, bought, 100).owed == 80
    assert wallet(ws) == (0, 80, 80)
    release(ws, hold)
    assert wallet(ws) == (0, 0, 0)
    assert_clean(ws)


def test_a_won_dispute_brings_the_refund_back(ws: int) -> None:
    bought = grant(ws, 100, source="bought", now=NOON)
    charge(ws, 70)
    refund(ws, bought, 100)
    lost = Operation.objects.get(kind="refund.pack")
    told = undo(ws, lost.pk)
    assert (told.amount, told.from_lot) == (100, 30)
    assert wallet(ws) == (30, 0, 0)
    found = refundable(ws, bought)
    assert found is not None
    assert found.most == 100
    with pytest.raises(NotReversible):
        undo(ws, lost.pk, key="again")
    refund(ws, bought, 100, key="lost after all")
    assert wallet(ws) == (0, 0, 70)
    assert_clean(ws)


def test_a_lot_that_has_not_started_is_refunded_and_comes_back_to_wait(ws: int) -> None:
    later = grant(ws, 100, starts=NOON + DAY, source="bought", now=NOON)
    refund(ws, later, 100)
    assert balance(ws, NOON + 2 * DAY).available == 0
    undo(ws, Operation.objects.get(kind="refund.pack").pk)
    assert wallet(ws) == (0, 0, 0)
    assert wallet(ws, NOON + DAY) == (100, 0, 0)
    assert_clean(ws)


def test_a_refund_of_a_waiting_lot_that_is_undone_after_its_start_starts_it(ws: int) -> None:
    later = grant(ws, 100, starts=NOON + DAY, now=NOON)
    refund(ws, later, 60)
    refund(ws, later, 40, key="rest")
    spend(ws, 10, now=NOON + 2 * DAY)
    first = Operation.objects.filter(kind="refund.pack").earliest("pk")
    operation_reverse(
        workspace_id=ws, operation_id=first.pk, key="u", reason="mistake", actor="staff", now=NOON + 2 * DAY
    )
    assert wallet(ws, NOON + 2 * DAY) == (50, 0, 0)
    assert_clean(ws)


def test_a_grant_made_by_mistake_is_taken_back(ws: int) -> None:
    mistake, other = grant(ws, 100, now=NOON), grant(ws, 10, now=NOON)
    charge(ws, 30)
    operation = Lot.objects.get(pk=mistake).operation_id
    told = undo(ws, operation)
    assert (told.amount, told.from_lot, told.spent, told.owed) == (100, 70, 30, 20)
    assert {(move[0], move[2]) for move in moves(ws, 3)} == {("grant.reverse", "issued"), ("debt.repay", "debt")}
    assert left(ws) == [0, 0]
    assert Transfer.objects.get(kind="debt.repay").takes.get().lot_id == other
    assert undo(ws, operation).replay
    with pytest.raises(NotReversible):
        undo(ws, operation, key="again")
    assert_clean(ws)


@pytest.mark.parametrize("amount", [25, -25])
def test_an_adjustment_is_taken_back(ws: int, amount: int) -> None:
    grant(ws, 100, now=NOON)
    credits_adjust(workspace_id=ws, key="a", amount=amount, reason="x", actor="staff", now=NOON)
    undo(ws, Operation.objects.get(kind="adjust.operator").pk)
    assert wallet(ws) == (100, 0, 0)
    assert_clean(ws)


def test_what_is_left_of_a_refunded_grant_is_taken_back(ws: int) -> None:
    lot = grant(ws, 100, now=NOON)
    refund(ws, lot, 60)
    assert undo(ws, Lot.objects.get(pk=lot).operation_id).amount == 40
    assert wallet(ws) == (0, 0, 0)
    assert_clean(ws)


@pytest.mark.parametrize("which", [lambda ws: charge(ws, 5), lambda _: 10**9])
def test_usage_and_what_is_not_there_is_refused(ws: int, which: Callable[[int], int]) -> None:
    grant(ws, 100, now=NOON)
    operation = which(ws)
    before = wallet(ws)
    with pytest.raises(NotReversible):
        undo(ws, operation)
    with pytest.raises(NotReversible):
        refund(ws, 10**9, 1)
    assert wallet(ws) == before


def test_a_lot_of_another_workspace_is_not_there(ws: int) -> None:
    lot = grant(Workspace.objects.create(name="Southwind").pk, 100, now=NOON)
    with pytest.raises(NotReversible):
        refund(ws, lot, 1)
    with pytest.raises(NotReversible):
        undo(ws, Lot.objects.get(pk=lot).operation_id)
    assert refundable(ws, lot) is None


def test_a_late_hold_and_a_refund_meet_in_one_book(ws: int) -> None:
    """What was posted by the clock in the same book is among what a correction sees."""
    owed = charge(ws, 50)
    grant(ws, 50, starts=NOON + DAY, now=NOON)
    assert wallet(ws) == (0, 0, 50)
    reverse(ws, owed, now=NOON + DAY + timedelta(hours=1))
    assert wallet(ws, NOON + 2 * DAY) == (50, 0, 0)
    assert_clean(ws)


def test_what_a_wallet_could_not_hold_does_not_come_back(ws: int) -> None:
    grant(ws, MAX_NANO, now=NOON)
    paid = charge(ws, MAX_NANO)
    grant(ws, 1, now=NOON)
    with pytest.raises(AmountOutOfRange):
        reverse(ws, paid)
    assert wallet(ws) == (1, 0, 0)
    assert_clean(ws)
