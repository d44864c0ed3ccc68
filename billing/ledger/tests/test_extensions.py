"""Lots that are extended: what is free goes on with a later end, and everything still adds up."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.book import open_book
from billing.ledger.correction_services import lot_refund, operation_reverse
from billing.ledger.errors import IdempotencyConflict, NotExtendable, NotReversible
from billing.ledger.extension_services import lot_extend
from billing.ledger.models import Lot, LotExtension, Transfer, Wallet
from billing.ledger.proof.export import export
from billing.ledger.proof.tests.checking import refusal
from billing.ledger.records import ExtendResult, OperationDraft
from billing.ledger.selectors import balance, refundable
from billing.ledger.services import credits_adjust, credits_grant
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, grant, place, release, spend
from billing.ledger.verify import verify

END, LATER = NOON + 10 * DAY, NOON + 40 * DAY


def extend(ws: int, lot: int, *, until: Any = LATER, key: str = "x", now: Any = NOON + DAY) -> ExtendResult:
    return lot_extend(
        workspace_id=ws, lot_id=lot, until=until, key=key, reason="they were away", actor="f@x.test", now=now
    )


def assert_proven(ws: int, at: Any) -> None:
    assert_clean(ws)
    with clock.at(at):
        assert refusal(b"".join(export(Workspace.objects.get(pk=ws)))) == ""


def refund(ws: int, lot: int, amount: int, key: str = "back", now: Any = NOON + 2 * DAY) -> Any:
    return lot_refund(workspace_id=ws, lot_id=lot, amount=amount, key=key, reason="paid back", actor="f", now=now)


def test_what_is_free_goes_on_with_a_later_end(ws: int) -> None:
    lot = credits_grant(
        workspace_id=ws,
        key="bought",
        amount=100,
        source="bought",
        label="Pack",
        expires_at=END,
        unit_price_usd=Decimal("0.004"),
        now=NOON,
    ).lot_id
    assert lot is not None
    spend(ws, 30, now=NOON)
    done = extend(ws, lot)
    old, new = Lot.objects.get(pk=lot), Lot.objects.get(pk=done.lot_id)
    assert (done.amount, done.balance, old.remaining, new.remaining) == (70, 70, 0, 70)
    assert (new.source, new.label, new.unit_price_usd, new.expires_at) == ("bought", "Pack", Decimal("0.004"), LATER)
    assert (old.expires_at, LotExtension.objects.get().lot_id) == (END, lot)
    kinds = Transfer.objects.filter(workspace_id=ws, kind="lot.extend").order_by("seq")
    assert [(t.debit, t.credit, t.amount) for t in kinds] == [("available", "issued", 70), ("issued", "available", 70)]
    spend(ws, 20, now=END + DAY)
    assert balance(ws, LATER - DAY).available == 50
    assert_proven(ws, END + 2 * DAY)
    spend(ws, 1, now=LATER + DAY)  # posts that the rest has expired
    assert Wallet.objects.get(pk=ws).debt == 1
    assert_proven(ws, LATER + DAY)


def test_the_same_key_extends_once(ws: int) -> None:
    lot = grant(ws, 100, expires=END, now=NOON)
    first = extend(ws, lot)
    again = extend(ws, lot)
    assert (again.lot_id, again.replay, first.replay) == (first.lot_id, True, False)
    with pytest.raises(IdempotencyConflict):
        extend(ws, lot, until=LATER + DAY)
    assert Lot.objects.count() == 2


@pytest.mark.parametrize(
    ("given", "until", "now", "words"),
    [
        ({"expires": END}, LATER, END, "have expired"),
        ({"expires": END}, END, NOON + DAY, "already"),
        ({"expires": None}, LATER, NOON + DAY, "never expire"),
        ({"expires": END, "starts": NOON + 2 * DAY}, LATER, NOON + DAY, "have not started"),
    ],
)
def test_what_cannot_be_extended(ws: int, given: dict[str, Any], until: Any, now: Any, words: str) -> None:
    lot = grant(ws, 100, now=NOON, **given)
    with pytest.raises(NotExtendable, match=words):
        extend(ws, lot, until=until, now=now)
    assert not LotExtension.objects.exists()


def test_another_workspace_s_lot_and_one_that_is_used_up_are_refused(ws: int) -> None:
    other = Workspace.objects.create(name="Other").pk
    foreign, own = grant(other, 5, expires=END, now=NOON), grant(ws, 5, expires=END, now=NOON)
    spend(ws, 5, now=NOON)
    for lot, words in ((foreign, "no such lot"), (own, "not on hold")):
        with pytest.raises(NotExtendable, match=words):
            extend(ws, lot)


def test_what_a_hold_pins_keeps_its_date(ws: int) -> None:
    lot = grant(ws, 100, expires=END, now=NOON)
    hold = place(ws, 40, seconds=3600, now=END - timedelta(minutes=30))
    assert extend(ws, lot, now=END - timedelta(minutes=20)).amount == 60
    assert_clean(ws)
    release(ws, hold, now=END + timedelta(minutes=10))
    assert balance(ws, END + timedelta(minutes=10)).available == 60
    assert_proven(ws, END + timedelta(minutes=10))


def test_a_lot_can_be_extended_again_and_again(ws: int) -> None:
    lot = grant(ws, 100, expires=END, now=NOON)
    for day in range(3):
        lot = extend(ws, lot, until=LATER + day * DAY, key=f"x{day}", now=NOON + day * DAY).lot_id
    assert balance(ws, LATER + DAY).available == 100
    assert_proven(ws, NOON + 3 * DAY)


def test_a_refund_takes_from_where_the_lot_went_on_and_never_more_than_it_was(ws: int) -> None:
    lot = grant(ws, 100, expires=END, source="bought", now=NOON)
    grant(ws, 500, now=NOON)
    spend(ws, 30, now=NOON)
    new = extend(ws, lot).lot_id
    assert refund(ws, lot, 80).from_lot == 70  # the 30 that were spent: 10 become debt, which the other lot repays
    assert Lot.objects.get(pk=new).remaining == 0
    assert balance(ws, NOON + 2 * DAY).available == 490
    with clock.at(NOON + 2 * DAY):
        found = refundable(ws, lot)
    assert found is not None
    assert (found.most, found.taken_back, found.unspent) == (20, 80, 0)
    with pytest.raises(NotReversible):
        refund(ws, lot, 21, key="more")
    refund(ws, lot, 20, key="rest")
    with pytest.raises(NotReversible):
        refund(ws, new, 1, key="again")
    assert_proven(ws, NOON + 2 * DAY)


def test_a_grant_that_was_extended_is_taken_back_whole_and_an_extension_is_not_taken_back(ws: int) -> None:
    lot = grant(ws, 100, expires=END, now=NOON)
    extend(ws, lot)
    given, extension = Lot.objects.get(pk=lot).operation_id, LotExtension.objects.get().operation_id
    with pytest.raises(NotReversible):
        operation_reverse(workspace_id=ws, operation_id=extension, key="r0", reason="r", actor="f", now=NOON + 2 * DAY)
    done = operation_reverse(workspace_id=ws, operation_id=given, key="r", reason="r", actor="f", now=NOON + 2 * DAY)
    assert (done.amount, done.from_lot, done.balance, done.owed) == (100, 100, 0, 0)
    assert_proven(ws, NOON + 2 * DAY)


def test_an_adjustment_goes_on_by_its_own_account(ws: int) -> None:
    credits_adjust(workspace_id=ws, key="a", amount=50, reason="r", actor="f", now=NOON)
    lot = Lot.objects.get()
    with pytest.raises(NotExtendable, match="never expire"):
        extend(ws, lot.pk)
    assert_clean(ws)


def test_charges_taken_back_after_an_extension_return_to_the_lot_that_paid(ws: int) -> None:
    lot = grant(ws, 100, expires=END, now=NOON)
    spend(ws, 30, now=NOON, key="call")
    extend(ws, lot)
    with open_book(ws, now=NOON + 2 * DAY) as book:
        operation = OperationDraft("usage", "undo", bytes(32), "usage.reverse")
        charged = Transfer.objects.get(workspace_id=ws, kind="usage.spend").operation_id
        book.reverse(operation=operation, kind="usage.reverse", operation_id=charged)
    assert Lot.objects.get(pk=lot).remaining == 30
    assert balance(ws, END).available == 70  # those 30 kept their date
    assert_proven(ws, NOON + 2 * DAY)


def test_extensions_are_written_once_and_only_as_they_may_be(ws: int) -> None:
    lot = grant(ws, 100, expires=END, now=NOON)
    new = extend(ws, lot).lot_id
    foreign = grant(ws, 7, expires=LATER, source="bought", now=NOON)
    bad = (
        "UPDATE ledger_lotextension SET amount = 1",
        "DELETE FROM ledger_lotextension",
        f"INSERT INTO ledger_lotextension (into_id, lot_id, operation_id, amount, created_at) SELECT {foreign}, {lot},"
        f" operation_id, 7, now() FROM ledger_lot WHERE id = {foreign}",
        f"INSERT INTO ledger_lotextension (into_id, lot_id, operation_id, amount, created_at) SELECT {lot}, {new},"
        f" operation_id, 100, now() FROM ledger_lot WHERE id = {lot}",
    )
    for statement in bad:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert LotExtension.objects.count() == 1


def test_an_extension_that_was_tampered_with_is_found(ws: int) -> None:
    lot = grant(ws, 100, expires=END, now=NOON)
    extend(ws, lot)
    assert_clean(ws)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL purser.ledger_rewrite = 'on'")
        cursor.execute("DELETE FROM ledger_lotextension")
    assert {problem.code for problem in verify(workspace_id=ws).problems} == {"extension"}
