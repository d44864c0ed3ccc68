"""Every started day is billed once, at its largest quantity."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.selectors import balance
from billing.ledger.verify import verify
from billing.metering.errors import EventRejected
from billing.metering.models import HourTotal, UsageEvent
from billing.metering.selectors.receipts import receipt
from billing.metering.tests.helpers import rewriting
from billing.plans.models import Resource, ResourceQuantity
from billing.plans.resources.errors import ResourceConflict
from billing.plans.resources.tests.conftest import CONTAINER, DEPLOYMENT, GB, at, charged, delete, fund, put, work
from billing.pricing.operator import Wish, price_set

pytestmark = pytest.mark.django_db


def test_the_day_that_has_begun_is_billed_at_once_and_each_further_one_when_it_begins(customer: Workspace) -> None:
    resource = put(customer, project="prod")
    assert charged(customer) == [("03-01", CONTAINER)]
    assert work(at(1, 23, 59)) == 0
    assert work(at(2, 0, 0)) == 1
    assert work(at(2, 0, 1)) == 0
    assert charged(customer) == [("03-01", CONTAINER), ("03-02", CONTAINER)]
    first, second = UsageEvent.objects.order_by("pk")
    assert [event.event_id for event in (first, second)] == [
        f"resource:{resource.pk}:2027-03-01",
        f"resource:{resource.pk}:2027-03-02",
    ]
    assert (first.occurred_at, second.occurred_at) == (at(1), at(2, 0, 0))
    assert first.project is not None
    assert first.project.slug == "prod"
    assert first.metadata == {"resource": "web-1", "kind": "container", "day": "2027-03-01"}
    assert sum(HourTotal.objects.values_list("amount", flat=True)) == 2 * CONTAINER * NANO


def test_saying_it_again_changes_nothing(customer: Workspace) -> None:
    for minute in (30, 31, 32):
        put(customer, when=at(1, 9, minute))
    assert charged(customer) == [("03-01", CONTAINER)]
    assert ResourceQuantity.objects.count() == 1


def test_what_rises_is_billed_at_once_and_a_day_at_its_largest_quantity(customer: Workspace) -> None:
    resource = put(customer, "disk", 5, kind="storage")
    for hour, quantity in ((10, 2), (11, "7.5"), (12, 1), (13, 7)):
        put(customer, "disk", quantity, kind="storage", when=at(1, hour))
    assert charged(customer) == [("03-01", 5 * GB), ("03-01", 5)]  # 7.5 in all
    assert UsageEvent.objects.latest("pk").event_id == f"resource:{resource.pk}:2027-03-01:2"
    assert work(at(2, 1)) == 1
    assert charged(customer)[2:] == [("03-02", 7 * GB)]


def test_a_deployment_is_billed_once(customer: Workspace) -> None:
    for day in (1, 2):
        put(customer, "release-7", kind="deployment", when=at(day))
        work(at(day, 23))
    assert charged(customer) == [("03-01", DEPLOYMENT)]
    with pytest.raises(ResourceConflict, match="billed when it was made"):
        put(customer, "release-7", 2, kind="deployment", when=at(3))
    with pytest.raises(ResourceConflict, match="stands for a deployment"):
        put(customer, "release-7", when=at(3))


def test_a_deleted_resource_is_billed_for_its_last_day_and_no_further_one(customer: Workspace) -> None:
    put(customer)
    work(at(2, 0, 0))
    for hour in (8, 9):
        found = delete(customer, when=at(2, hour))
        assert found is not None
        assert (found.deleted_at, found.next_day) == (at(2, 8), None)
    work(at(9))
    assert charged(customer) == [("03-01", CONTAINER), ("03-02", CONTAINER)]
    assert delete(customer, "unknown", when=at(9)) is None


def test_what_is_deleted_and_made_again_is_another_resource(customer: Workspace) -> None:
    put(customer)
    delete(customer, when=at(1, 10))
    put(customer, when=at(1, 11))
    assert charged(customer) == [("03-01", CONTAINER), ("03-01", CONTAINER)]
    assert Resource.objects.count() == 2
    work(at(2))
    assert charged(customer)[2:] == [("03-02", CONTAINER)]


def test_missed_days_are_billed_one_by_one_at_the_prices_of_each(customer: Workspace) -> None:
    put(customer)
    put(customer, "gone", when=at(1))
    put(customer, "gone", 3, when=at(3, 5))  # while no worker runs
    delete(customer, "gone", when=at(4, 7))
    dearer = {"price": Decimal(1), "per": 1, "effective_from": at(6, 0, 0), "customers_told": True}
    with clock.at(at(1)):
        price_set(Wish(provider="platform", model="", meter="container_days", **dearer), by="test")
    assert work(at(8)) == 7 + 3
    per_day: dict[str, int] = defaultdict(int)
    for day, amount in charged(customer):
        per_day[day] += amount
    assert [per_day[f"03-0{day}"] for day in range(1, 9)] == [268, 268, 134 + 402, 134 + 402, 134, 200, 200, 200]
    assert verify(workspace_id=customer.pk).problems == []


def test_a_charge_that_does_not_fit_is_refused_and_nothing_is_made(customer: Workspace) -> None:
    with pytest.raises(EventRejected):
        put(customer, "huge", 10**12)
    assert not Resource.objects.exists()
    assert charged(customer) == []


def test_what_has_no_price_is_recorded_and_waits_for_one(workspace: Workspace) -> None:
    put(workspace)
    assert UsageEvent.objects.get().problem


def test_one_that_cannot_be_billed_keeps_no_other_waiting(customer: Workspace) -> None:
    broken, fine = put(customer, "a"), put(customer, "b")
    with rewriting():
        ResourceQuantity.objects.filter(resource=broken).update(at=at(20))
    with clock.at(at(2)), pytest.raises(AssertionError, match=rf"\[{broken.pk}\]"):
        work(at(2))
    fine.refresh_from_db()
    assert f"{fine.next_day}" == "2027-03-03"


def test_a_clock_that_is_behind_does_not_enter_a_day_that_is_over(customer: Workspace) -> None:
    put(customer)
    work(at(2, 0, 0))
    put(customer, quantity=4, when=at(1, 23, 59))
    assert charged(customer) == [("03-01", CONTAINER), ("03-02", CONTAINER), ("03-02", 3 * CONTAINER)]


def test_credits_pay_and_the_receipt_says_so(customer: Workspace) -> None:
    fund(customer, 1_000)
    resource = put(customer, quantity=2)
    assert balance(customer.pk, at(1)).available == (1_000 - 2 * CONTAINER) * NANO
    found = receipt(customer.pk, event_id=f"resource:{resource.pk}:2027-03-01", prefer="service")
    assert found is not None


# Against a calculation that knows nothing of rows, jobs and events.

HOURS = st.integers(0, 6 * 24)
STEP = st.one_of(
    st.tuples(HOURS, st.just("put"), st.sampled_from("ab"), st.integers(1, 6)),
    st.tuples(HOURS, st.just("delete"), st.sampled_from("ab"), st.just(0)),
    st.tuples(HOURS, st.just("work"), st.just(""), st.just(0)),
)
ORIGIN = datetime(2027, 3, 1, tzinfo=UTC)


def expected(steps: list[tuple[int, str, str, int]], until: int) -> dict[date, int]:
    """Quantity by day over all lives, looked at hour by hour."""
    lives: list[dict[int, int]] = []  # hour → largest quantity at any moment of it
    open_lives: dict[str, tuple[int, int, dict[int, int]]] = {}  # id → since, quantity, life

    def run(name: str, to: int) -> None:
        since, quantity, life = open_lives[name]
        for hour in range(since, to):
            life[hour] = max(life.get(hour, 0), quantity)

    for hour, what, name, quantity in steps:
        if what == "put":
            life = open_lives[name][2] if name in open_lives else {}
            if name in open_lives:
                run(name, hour)
            else:
                lives.append(life)
            life.setdefault(hour, 0)
            open_lives[name] = hour, quantity, life
            life[hour] = max(life[hour], quantity)
        elif what == "delete" and name in open_lives:
            run(name, hour)
            del open_lives[name]
    for name in list(open_lives):
        run(name, until + 1)
    found: dict[date, int] = defaultdict(int)
    for life in lives:
        days: dict[date, int] = {}
        for hour, quantity in life.items():
            day = (ORIGIN + timedelta(hours=hour)).date()
            days[day] = max(days.get(day, 0), quantity)
        for day, most in days.items():
            found[day] += most
    return dict(found)


def check(steps: list[tuple[int, str, str, int]]) -> None:
    workspace = Workspace.objects.create(name="Any")
    steps.sort(key=lambda step: step[0])
    steps = [step for step, following in pairwise([*steps, (-1, "", "", 0)]) if step[0] != following[0]]
    for hour, what, name, quantity in steps:
        when = ORIGIN + timedelta(hours=hour)
        if what == "put":
            put(workspace, name, quantity, when=when)
        elif what == "delete":
            delete(workspace, name, when=when)
        else:
            work(when)
    until = 6 * 24 + 5
    for _ in range(2):  # a second look changes nothing
        work(ORIGIN + timedelta(hours=until))
    found: dict[date, int] = defaultdict(int)
    for event in UsageEvent.objects.filter(workspace=workspace):
        quantity = int(Decimal(event.usage["container_days"]))
        found[event.occurred_at.date()] += quantity
        assert event.amount == quantity * CONTAINER * NANO
    assert dict(found) == expected(steps, until)


SOME, MANY = 6, 100
lives = st.lists(STEP, min_size=4, max_size=12)
shared = {"suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=SOME, **shared)
@given(steps=lives)
def test_random_lives_and_outages_are_billed_as_a_plain_calculation_says(
    customer: Workspace, steps: list[tuple[int, str, str, int]]
) -> None:
    check(steps)


@pytest.mark.slow
@settings(max_examples=MANY, **shared)
@given(steps=lives)
def test_many_random_lives_and_outages(customer: Workspace, steps: list[tuple[int, str, str, int]]) -> None:
    check(steps)
