"""Several workers at the same moment, and one that dies in the middle."""

import threading
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import Error, connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.outbox.models import OutboxMessage
from billing.metering.models import UsageEvent
from billing.plans.models import Resource, ShutdownWarning
from billing.plans.resources.billing import bill_next_day, bill_one
from billing.plans.resources.cover import cover_check
from billing.plans.resources.services import Wanted, resource_put
from billing.plans.resources.tests.conftest import CONTAINER, at, charged, fund, put, work

pytestmark = pytest.mark.django_db(transaction=True)


def together(*works: Callable[[], object]) -> list[BaseException]:
    """Run all at the same moment of 5 March; what they raised."""
    errors: list[BaseException] = []
    begin = threading.Barrier(len(works))

    def run(job: Callable[[], object]) -> None:
        try:
            begin.wait(30)
            with clock.at(at(5)):
                job()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[job]) for job in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


def bill_all() -> None:
    while bill_one(now=at(5)):
        pass


def die() -> None:
    """A worker that has billed a day when its connection is gone: nothing of it was committed."""
    with transaction.atomic():
        resource = Resource.objects.select_for_update(no_key=True).order_by("pk")[0]
        bill_next_day(resource, now=at(5))
        assert connection.connection is not None
        connection.connection.close()


def test_two_workers_and_one_that_dies_bill_every_day_once(customer: Workspace) -> None:
    for name in ("a", "b", "c"):
        put(customer, name)
    errors = together(die, bill_all, bill_all)
    assert len(errors) == 1
    assert isinstance(errors[0], Error)
    work(at(5))
    assert charged(customer) == [(f"03-0{day}", CONTAINER) for day in range(1, 6) for _ in "abc"]
    assert work(at(5, 10)) == 0


def test_the_same_resource_said_at_the_same_moment_is_made_and_billed_once(customer: Workspace) -> None:
    wanted = Wanted("container", Decimal(2))
    errors = together(*[lambda: resource_put(workspace=customer, external_id="web-1", wanted=wanted) for _ in range(4)])
    assert errors == []
    assert UsageEvent.objects.count() == Resource.objects.count() == 1


def test_one_fall_is_warned_of_once_however_many_look(customer: Workspace) -> None:
    fund(customer, CONTAINER)
    put(customer)
    ShutdownWarning.objects.all().delete()
    OutboxMessage.objects.all().delete()
    assert together(*[lambda: cover_check(customer.pk, now=at(5)) for _ in range(4)]) == []
    assert ShutdownWarning.objects.count() == OutboxMessage.objects.count() == 1
    assert together(*[lambda: cover_check(customer.pk, now=at(7)) for _ in range(4)]) == []
    assert OutboxMessage.objects.filter(kind="resources.shutdown").count() == 1
