"""Several at once: no gap, no number twice, no credit twice, no credit note beyond its invoice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.invoices.custom import Terms, custom_credit, custom_draft_change, custom_issue, custom_paid, document_close
from billing.invoices.errors import TooMuchCredited, WrongState
from billing.invoices.issue import credit_note_issue
from billing.invoices.models import Document, NumberCounter
from billing.invoices.tests.conftest import VAT, Issue, line
from billing.invoices.verify import number_problems
from billing.invoices.writing import Payment
from billing.ledger.models import Lot
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.ledger.verify import verify

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


class Failed(Exception):
    """What a caller's transaction fails with."""


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What `work(n)` answered or raised, for each n, all started together."""
    barrier = Barrier(THREADS)

    def one(number: int) -> Any:
        try:
            barrier.wait(timeout=30)
            return work(number)
        except (Failed, WrongState, TooMuchCredited) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_numbers_have_no_gaps_while_transactions_fail(pack: Issue, shop: Workspace) -> None:
    def work(number: int) -> int:
        rng, issued = Random(number), 0
        for turn in range(12):
            try:
                with transaction.atomic():
                    credits_grant(workspace_id=shop.pk, key=f"{number}-{turn}", amount=NANO, label="Pack")
                    pack(f"{number}-{turn}", tell=False)
                    if rng.random() < 0.4:
                        raise Failed
                issued += 1
            except Failed:
                continue
        return issued

    issued = sum(at_once(work))
    sequences = sorted(Document.objects.values_list("sequence", flat=True))
    assert sequences == list(range(1, issued + 1))
    assert 0 < issued < THREADS * 12
    assert number_problems() == []
    assert balance(shop.pk).available == issued * NANO
    dates = list(Document.objects.order_by("sequence").values_list("issued_at", flat=True))
    assert dates == sorted(dates)


def test_one_key_at_once_is_one_document(pack: Issue) -> None:
    found = at_once(lambda _: pack("same").pk)
    assert len(set(found)) == 1
    assert NumberCounter.objects.get().last == 1


def test_paid_by_many_hands_the_credits_come_once(custom: Issue, shop: Workspace, staff_user: User) -> None:
    invoice = custom()
    payment = Payment(clock.now(), "transfer", "R")
    done = at_once(lambda _: custom_paid(document=invoice, payment=payment, actor=staff_user))
    assert sorted(done) == [False] * (THREADS - 1) + [True]
    assert Lot.objects.count() == 1
    assert balance(shop.pk).available == 200_000 * NANO
    assert verify(workspace_id=shop.pk).ok


def test_paid_and_void_at_once_is_one_of_them(custom: Issue, shop: Workspace, staff_user: User) -> None:
    invoice = custom()
    payment = Payment(clock.now(), "transfer", "R")

    def work(number: int) -> bool:
        if number % 2:
            return document_close(document=invoice, status="void", reason="x", actor=staff_user)
        return custom_paid(document=invoice, payment=payment, actor=staff_user)

    at_once(work)
    invoice.refresh_from_db()
    assert balance(shop.pk).available == (200_000 * NANO if invoice.status == "paid" else 0)
    assert verify(workspace_id=shop.pk).ok


def test_credit_notes_at_once_stay_within_the_invoice(pack: Issue, shop: Workspace) -> None:
    invoice = pack()

    def work(number: int) -> int:
        return credit_note_issue(key=f"c{number}", invoice=invoice, amount=3_000, reason="x").document.total

    done = at_once(work)
    assert sum(each for each in done if isinstance(each, int)) == 9_000
    invoice.refresh_from_db()
    assert invoice.credited == 9_000
    assert number_problems() == []


def test_credited_and_paid_at_once_adds_up(custom: Issue, shop: Workspace, staff_user: User) -> None:
    invoice = custom()
    payment = Payment(clock.now(), "transfer", "R")

    def work(number: int) -> Any:
        if number == 0:
            return custom_paid(document=invoice, payment=payment, actor=staff_user)
        return custom_credit(
            key=str(number), document=invoice, amount=1_000, credits=1_000 * NANO, reason="x", actor=staff_user
        )

    at_once(work)
    assert balance(shop.pk).available == (200_000 - 7_000) * NANO
    assert verify(workspace_id=shop.pk).ok


def test_a_draft_is_issued_once_and_not_written_after(custom: Issue, staff_user: User) -> None:
    draft = custom(issue=False)

    def work(number: int) -> Any:
        if number % 2:
            terms = Terms(lines=[line(unit_amount=1_000 + number)], tax=VAT)
            return custom_draft_change(document=draft, terms=terms, actor=staff_user)
        return custom_issue(document=draft, actor=staff_user)

    done = at_once(work)
    assert sum(isinstance(each, Document) and each.number is not None for each in done[::2]) == 1
    draft.refresh_from_db()
    assert draft.sequence == 1
    assert number_problems() == []
