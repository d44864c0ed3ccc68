"""Changes of prices at the same moment, with real threads and connections: each as if it had been alone."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from time import sleep
from typing import Any

import pytest
from django.db import connections, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.pricing.agreed import Scope
from billing.pricing.agreements import DiscountWanted, plan_terms_set
from billing.pricing.approvals import NotWaiting, price_approve
from billing.pricing.models import Meter, PriceDiscount, PriceLine
from billing.pricing.operator import Wish, price_set
from billing.pricing.services import NOTICE, only_one
from billing.pricing.testing import rises_after
from billing.pricing.tests.test_import import M, read, row

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _rises_at_once(transactional_db: None) -> None:
    rises_after(0)
    # Other tests of this kind empty the tables, migrations' rows included.
    Meter.objects.get_or_create(key="output_tokens", defaults={"label": "Output tokens", "unit": "token"})


def together(*jobs: Callable[[], Any]) -> list[Any]:
    """Run all at the same moment; what they returned or raised."""
    gate, results = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(index: int) -> None:
        try:
            gate.wait(timeout=20)
            results[index] = jobs[index]()
        except Exception as error:
            results[index] = error  # type: ignore[call-overload]
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[index]) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


def test_whoever_waits_for_another_change_is_dated_after_it() -> None:
    now = clock.now()
    read(row("input_tokens", "2"), at=now - timedelta(days=2))
    read(row("input_tokens", "3"), at=now - timedelta(days=1))  # held
    line = PriceLine.objects.get(status="pending")
    wish = Wish(provider="acme", model="m1", meter="output_tokens", price=Decimal(8), per=M)
    later = Wish(provider="acme", model="m1", meter="output_tokens", price=Decimal(7), per=M)
    price_set(wish, by="a test")
    held, freed = threading.Event(), []

    def hold() -> None:
        with transaction.atomic():
            only_one()
            held.set()
            sleep(1)
            freed.append(clock.now())

    def after(change: Callable[[], PriceLine]) -> PriceLine:
        held.wait(timeout=20)
        return change()

    _, approved, entered = together(
        hold,
        lambda: after(lambda: price_approve(line_id=line.pk, by="a test")),
        lambda: after(lambda: price_set(later, by="a test")),
    )
    assert min(approved.effective_from, entered.effective_from) >= freed[0] + NOTICE


def test_a_reading_and_an_approval_of_the_same_line_leave_one_open() -> None:
    now = clock.now()
    read(row("input_tokens", "2"), at=now - timedelta(days=30))
    for day in range(5):
        at = now - timedelta(days=20 - 2 * day)
        read(row("input_tokens", str(9 + day)), at=at)
        line = PriceLine.objects.get(status="pending")
        at += timedelta(days=1)
        imported, approved = together(
            lambda at=at, day=day: read(row("input_tokens", f"2.0{day + 1}"), at=at),
            lambda at=at, line=line: price_approve(line_id=line.pk, by="a test", now=at),
        )
        assert not imported.problem
        # Superseded by the reading, or approved before it: what was read is held then.
        assert isinstance(approved, NotWaiting) or (approved.price, imported.held) == (9 + day, 1)
        (last,) = PriceLine.objects.filter(status="active", effective_to=None)
        if last.price > 3:
            return
        assert last.price == Decimal(f"2.0{day + 1}")


def test_two_plans_given_at_once_leave_one_discount_in_force(workspace: Workspace) -> None:
    def give(percent: int) -> None:
        wanted = [DiscountWanted(Scope(), Decimal(percent))]
        plan_terms_set(workspace_id=workspace.pk, label=f"plan {percent}", discounts=wanted)

    assert together(*(lambda percent=percent: give(percent) for percent in (10, 20, 30, 40))) == [None] * 4
    assert PriceDiscount.objects.filter(workspace=workspace, effective_to=None).count() == 1
    assert PriceDiscount.objects.filter(workspace=workspace).count() == 4
