"""Holds pin lots, and are resolved exactly once."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Workspace
from billing.ledger.book import open_book
from billing.ledger.burn import Take, first, rest
from billing.ledger.errors import HoldResolved, HoldTooLong, IdempotencyConflict, InsufficientCredits, UnknownHold
from billing.ledger.hold_services import hold_extend, hold_release
from billing.ledger.models import Hold, HoldResolution, Lot, Transfer, Wallet
from billing.ledger.selectors import balance, hold, holds, lots
from billing.ledger.services import overdraft_set
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, draft, extend, grant, place, release, settle, spend

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def wallet(ws: int, at: timedelta = timedelta()) -> tuple[int, int, int]:
    found = balance(ws, NOON + at)
    return found.available, found.held, found.debt


def kinds(ws: int) -> list[tuple[str, int]]:
    return list(Transfer.objects.filter(workspace_id=ws).order_by("seq").values_list("kind", "amount"))


def test_a_hold_pins_lots_in_burn_order(ws: int) -> None:
    late, soon = grant(ws, 50, now=NOON), grant(ws, 30, expires=NOON + DAY, now=NOON)
    pk = place(ws, 40, now=NOON)
    assert wallet(ws) == (40, 40, 0)
    found = hold(ws, pk, NOON)
    assert found is not None
    assert [(pin.lot_id, pin.amount) for pin in found.pins] == [(soon, 30), (late, 10)]
    assert [(row.id, row.remaining, row.held, row.status) for row in lots(ws, NOON)] == [
        (soon, 30, 30, "active"),
        (late, 50, 10, "next"),
    ]
    assert_clean(ws)


@pytest.mark.parametrize(
    ("charge", "left", "moves"),
    [
        (0, (100, 0, 0), [("hold.release", 40)]),
        (25, (75, 0, 0), [("hold.settle", 25), ("hold.release", 15)]),
        (40, (60, 0, 0), [("hold.settle", 40)]),
        (70, (30, 0, 0), [("hold.settle", 40), ("usage.spend", 30)]),
        (130, (0, 0, 30), [("hold.settle", 40), ("usage.spend", 60), ("usage.debt", 30)]),
    ],
)
def test_settling_charges_what_was_used(
    ws: int, charge: int, left: tuple[int, int, int], moves: list[tuple[str, int]]
) -> None:
    grant(ws, 100, now=NOON)
    pk = place(ws, 40, now=NOON)
    settle(ws, pk, charge, now=NOON + MINUTE)
    assert wallet(ws, MINUTE) == left
    assert kinds(ws)[2:] == moves
    found = hold(ws, pk, NOON + MINUTE)
    assert found is not None
    assert (found.status, found.resolved_at) == ("settled", NOON + MINUTE)
    assert_clean(ws)


def test_more_than_the_balance_is_refused_and_says_what_is_there(ws: int) -> None:
    grant(ws, 100, now=NOON)
    place(ws, 70, now=NOON)
    with pytest.raises(InsufficientCredits) as refused:
        place(ws, 31, now=NOON)
    assert (refused.value.needed, refused.value.available) == (31, 30)
    assert Hold.objects.filter(workspace_id=ws).count() == 1
    assert_clean(ws)


def test_the_overdraft_carries_what_lots_do_not(ws: int) -> None:
    overdraft_set(workspace_id=ws, limit=50)
    grant(ws, 100, now=NOON)
    first_hold = place(ws, 120, now=NOON)
    second = place(ws, 30, now=NOON)
    assert balance(ws, NOON).headroom == 0
    with pytest.raises(InsufficientCredits):
        place(ws, 1, now=NOON)
    assert_clean(ws)
    settle(ws, first_hold, 110, now=NOON)
    assert wallet(ws) == (0, 0, 10)
    assert balance(ws, NOON).headroom == 10
    release(ws, second, now=NOON)
    assert balance(ws, NOON).headroom == 40
    assert_clean(ws)


def test_a_release_repays_debt_before_anything_else(ws: int) -> None:
    grant(ws, 100, now=NOON)
    pk = place(ws, 60, now=NOON)
    spend(ws, 90, now=NOON)
    assert wallet(ws) == (0, 60, 50)
    release(ws, pk, now=NOON)
    assert wallet(ws) == (10, 0, 0)
    assert_clean(ws)


def test_a_lot_expires_but_for_what_is_held_and_that_expires_when_it_is_released(ws: int) -> None:
    grant(ws, 100, expires=NOON + DAY, now=NOON)
    pk = place(ws, 60, seconds=86_400, now=NOON + timedelta(hours=23))
    assert wallet(ws, DAY) == (0, 60, 0)
    settle(ws, pk, 20, now=NOON + DAY + MINUTE)
    assert wallet(ws, DAY + MINUTE) == (0, 0, 0)
    assert kinds(ws)[-4:] == [("lot.expire", 40), ("hold.settle", 20), ("hold.release", 40), ("lot.expire", 40)]
    assert_clean(ws)


def test_a_lot_that_was_held_whole_expires_on_time_after_its_release(ws: int) -> None:
    grant(ws, 100, expires=NOON + DAY, now=NOON)
    pk = place(ws, 100, now=NOON)
    grant(ws, 5, now=NOON)  # looks at everything that is due: the lot has nothing free now
    release(ws, pk, now=NOON + MINUTE)
    assert wallet(ws, DAY) == (5, 0, 0)
    spend(ws, 1, now=NOON + DAY)
    assert wallet(ws, DAY) == (4, 0, 0)
    assert_clean(ws)


def test_a_hold_expires_at_its_instant_posted_or_not(ws: int) -> None:
    grant(ws, 100, now=NOON)
    pk = place(ws, 60, seconds=60, now=NOON)
    second = timedelta(seconds=1)
    assert wallet(ws, MINUTE - second) == (40, 60, 0)
    assert wallet(ws, MINUTE) == (100, 0, 0)
    assert holds(ws, NOON + MINUTE) == []
    assert [row.held for row in lots(ws, NOON + MINUTE)] == [0]
    found = hold(ws, pk, NOON + MINUTE)
    assert found is not None
    assert (found.status, found.resolved_at) == ("expired", NOON + MINUTE)
    spend(ws, 100, now=NOON + 5 * MINUTE)
    assert wallet(ws, 5 * MINUTE) == (0, 0, 0)
    with pytest.raises(HoldResolved) as refused:
        settle(ws, pk, 1, now=NOON + 5 * MINUTE)
    assert refused.value.resolution == "expire"
    assert_clean(ws)


def test_an_extended_hold_lives_on_but_not_for_more_than_a_day(ws: int) -> None:
    grant(ws, 100, now=NOON)
    pk = place(ws, 60, seconds=60, now=NOON)
    assert extend(ws, pk, seconds=600, now=NOON).expires_at == NOON + 10 * MINUTE
    assert extend(ws, pk, seconds=60, now=NOON).expires_at == NOON + 10 * MINUTE
    assert wallet(ws, 9 * MINUTE) == (40, 60, 0)
    with pytest.raises(HoldTooLong):
        extend(ws, pk, seconds=86_401, now=NOON)
    assert wallet(ws, 10 * MINUTE) == (100, 0, 0)
    with pytest.raises(HoldResolved):
        extend(ws, pk, seconds=600, now=NOON + 10 * MINUTE)
    assert_clean(ws)


def test_a_hold_of_nothing_is_a_hold(ws: int) -> None:
    pk = place(ws, 0, now=NOON)
    assert [row.id for row in holds(ws, NOON)] == [pk]
    settle(ws, pk, 0, now=NOON)
    with pytest.raises(HoldResolved):
        release(ws, pk, now=NOON)
    assert_clean(ws)


def test_releasing_again_answers_as_the_first_time(ws: int) -> None:
    grant(ws, 100, now=NOON)
    pk = place(ws, 60, now=NOON)
    assert hold_release(workspace_id=ws, hold_id=pk, origin="service", now=NOON).replay is False
    again = hold_release(workspace_id=ws, hold_id=pk, origin="service", now=NOON + MINUTE)
    assert (again.replay, again.available, again.held) == (True, 100, 0)
    with pytest.raises(HoldResolved):
        hold_release(workspace_id=ws, hold_id=pk, origin="service", namespace="api:service", key="other", now=NOON)
    assert_clean(ws)


def test_a_key_of_the_caller_names_one_request(ws: int) -> None:
    grant(ws, 100, now=NOON)
    one, two = place(ws, 30, now=NOON), place(ws, 30, now=NOON)
    key = {"workspace_id": ws, "origin": "service", "namespace": "api:service", "key": "k", "now": NOON}
    hold_extend(hold_id=one, expires_in=timedelta(hours=1), **key)  # type: ignore[arg-type]
    assert hold_extend(hold_id=one, expires_in=timedelta(hours=1), **key).replay  # type: ignore[arg-type]
    with pytest.raises(IdempotencyConflict):
        hold_release(hold_id=two, **key)  # type: ignore[arg-type]
    assert_clean(ws)


def test_only_the_class_of_key_that_placed_it_and_staff_may_release(ws: int) -> None:
    other = Workspace.objects.create(name="Southwind").pk
    grant(ws, 100, now=NOON)
    pk = place(ws, 60, now=NOON)
    for workspace, origin in ((ws, "workspace"), (other, "service"), (other, None)):
        with pytest.raises(UnknownHold):
            hold_release(workspace_id=workspace, hold_id=pk, origin=origin, now=NOON)
    hold_release(workspace_id=ws, hold_id=pk, origin=None, actor="staff", reason="stuck", now=NOON)
    assert wallet(ws) == (100, 0, 0)


def test_what_is_due_is_posted_in_the_order_of_its_instants(ws: int) -> None:
    """A hold that ends before its lot does gives back in time; one that ends after it does not."""
    grant(ws, 10, expires=NOON + 5 * MINUTE, now=NOON)
    early, late = place(ws, 4, seconds=240, now=NOON), place(ws, 6, seconds=600, now=NOON)
    spend(ws, 3, now=NOON)
    assert wallet(ws) == (0, 10, 3)
    assert wallet(ws, 4 * MINUTE) == (1, 6, 0)
    assert wallet(ws, 5 * MINUTE) == (0, 6, 0)
    spend(ws, 2, now=NOON + 20 * MINUTE)
    moves = [("hold.expire", 4), ("debt.repay", 3), ("lot.expire", 1), ("hold.expire", 6), ("lot.expire", 6)]
    assert kinds(ws)[-6:] == [*moves, ("usage.debt", 2)]
    assert {hold(ws, pk).status for pk in (early, late)} == {"expired"}  # type: ignore[union-attr]
    assert_clean(ws)


def test_of_many_open_holds_those_that_are_due_are_read(ws: int) -> None:
    grant(ws, 100, now=NOON)
    place(ws, 1, seconds=60)
    later = [place(ws, 1, seconds=seconds) for seconds in range(300, 360, 2)]
    with open_book(ws, now=NOON + MINUTE) as book:
        assert len(book._holds) == 1
    assert Wallet.objects.get(pk=ws).next_due_at == NOON + timedelta(seconds=300)
    with open_book(ws, now=NOON + MINUTE, holds=later[:1]) as book:  # the next one ends in a book that reads all
        first = book.hold_of(later[0])
        assert first is not None
        book.grant(operation=draft(), amount=5, source="promotion", label="Gift", kind="grant.operator")
        book.release(operation=draft(), hold=first)
    assert Wallet.objects.get(pk=ws).next_due_at == NOON + timedelta(seconds=302)
    assert wallet(ws, timedelta(seconds=310)) == (81, 24, 0)
    assert_clean(ws)


def test_a_settlement_of_many_lots_leaves_the_rest_in_them(ws: int) -> None:
    for _ in range(20):
        grant(ws, 5, now=NOON)
    pk = place(ws, 93, now=NOON)
    settle(ws, pk, 51, now=NOON)
    assert wallet(ws) == (49, 0, 0)
    assert sorted(Lot.objects.filter(workspace_id=ws).values_list("remaining", "held")) == [
        *[(0, 0)] * 10,
        (4, 0),
        *[(5, 0)] * 9,
    ]
    assert_clean(ws)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_hold SET amount = 1",
        "UPDATE ledger_hold SET expires_at = expires_at + interval '1 minute'",
        "UPDATE ledger_hold SET open_until = created_at + interval '1 hour'",
        "UPDATE ledger_hold SET request = '{}'",
        "DELETE FROM ledger_hold",
        "TRUNCATE ledger_hold CASCADE",
        "UPDATE ledger_holdresolution SET kind = 'release'",
        "DELETE FROM ledger_holdresolution",
        "DELETE FROM ledger_holdextension",
    ],
)
def test_the_database_refuses_to_rewrite_holds(ws: int, statement: str) -> None:
    grant(ws, 100, now=NOON)
    pk = place(ws, 60, now=NOON)
    extend(ws, pk, seconds=3600, now=NOON)
    settle(ws, pk, 10, now=NOON)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute(statement)


def test_the_database_lets_a_hold_be_resolved_once(ws: int) -> None:
    grant(ws, 100, now=NOON)
    pk = place(ws, 60, now=NOON)
    settle(ws, pk, 10, now=NOON)
    with open_book(ws, now=NOON) as book:
        other = draft()
        book.spend(operation=other, amount=1, occurred_at=NOON)
    assert other.id is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        HoldResolution.objects.create(
            hold_id=pk, workspace_id=ws, kind="release", operation_id=other.id, created_at=NOON
        )


@pytest.mark.parametrize(
    ("amount", "begins", "ends"),
    [
        (0, [], [(1, 5), (2, 3)]),
        (5, [(1, 5)], [(2, 3)]),
        (6, [(1, 5), (2, 1)], [(2, 2)]),
        (8, [(1, 5), (2, 3)], []),
        (9, [(1, 5), (2, 3)], []),
    ],
)
def test_takes_are_split_in_two(amount: int, begins: list[tuple[int, int]], ends: list[tuple[int, int]]) -> None:
    takes = [Take(1, 5), Take(2, 3)]
    assert first(takes, amount) == begins
    assert rest(takes, amount) == ends
