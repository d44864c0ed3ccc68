"""Usage of before: shown where usage is shown, counted once, and never charged."""

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.selectors import balance
from billing.ledger.verify import verify
from billing.metering.earlier import Earlier, NotEarlier, earlier_usage_add, first_day_here
from billing.metering.models import EarlierUsage, HourTotal, HourUsage
from billing.metering.selectors.breakdown import breakdown
from billing.metering.tests.conftest import NOW, event, fund
from billing.metering.tests.helpers import rewriting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
Record = Callable[..., Any]
DAY = date(2026, 3, 1)


def row(day: date = DAY, model: str = "gpt-4o-mini", meter: str = "input_tokens", **more: Any) -> Earlier:
    return Earlier(**{
        "day": day, "provider": "openai", "model": model, "meter": meter, "quantity": Decimal(1_200), "requests": 3,
    } | more)  # fmt: skip


def add(workspace: Workspace, *rows: Earlier) -> int:
    return earlier_usage_add(workspace_id=workspace.pk, rows=rows)


def sound() -> None:
    assert verify().problems == []


def test_it_is_shown_and_costs_nothing(workspace: Workspace) -> None:
    fund(workspace, 5)
    assert add(workspace, row(), row(meter="output_tokens", requests=0), row(DAY + timedelta(days=1))) == 3
    total = HourTotal.objects.get(hour=datetime(2026, 3, 1, 12, tzinfo=NOW.tzinfo))
    assert (total.amount, total.requests) == (0, 3)
    assert balance(workspace.pk).available == 5 * 10**9
    found = breakdown(workspace, by="model", since=NOW - timedelta(days=30), until=NOW)
    assert [(each.key, each.nano, each.requests, each.tokens) for each in found] == [
        ("openai/gpt-4o-mini", 0, 6, 3_600)
    ]
    sound()


def test_what_is_there_stays_as_it_is(workspace: Workspace) -> None:
    add(workspace, row())
    assert add(workspace, row(quantity=Decimal(9), requests=9), row(meter="output_tokens", requests=0)) == 1
    assert {(each.meter, each.quantity) for each in EarlierUsage.objects.all()} == {
        ("input_tokens", Decimal(1_200)),
        ("output_tokens", Decimal(1_200)),
    }
    assert sum(HourUsage.objects.values_list("requests", flat=True)) == 3
    sound()


def test_it_stands_beside_events_of_the_same_day(workspace: Workspace, record: Record) -> None:
    fund(workspace)
    add(workspace, row(NOW.date() - timedelta(days=1)))
    record(event(occurred_at=NOW - timedelta(days=1)))
    assert first_day_here(workspace.pk) == NOW.date() - timedelta(days=1)
    assert HourTotal.objects.get(hour=NOW.replace(minute=0) - timedelta(days=1)).requests == 4
    sound()


@pytest.mark.parametrize("days", [0, 1])
def test_only_days_of_before_are_taken(workspace: Workspace, days: int) -> None:
    with pytest.raises(NotEarlier, match="is not before 2026-03-10"):
        add(workspace, row(), row(NOW.date() + timedelta(days=days)))
    assert not EarlierUsage.objects.exists()
    assert not HourTotal.objects.exists()


def test_not_of_the_days_of_events(workspace: Workspace, record: Record) -> None:
    record(event(occurred_at=NOW - timedelta(days=2)))
    with pytest.raises(NotEarlier, match="2026-03-08"):
        add(workspace, row(date(2026, 3, 8)))
    assert add(workspace, row(date(2026, 3, 7))) == 1
    sound()


def test_nobody_changes_it(workspace: Workspace) -> None:
    add(workspace, row())
    with pytest.raises(DatabaseError), transaction.atomic():
        EarlierUsage.objects.update(requests=1)
    with rewriting():
        EarlierUsage.objects.update(requests=1)
    assert {problem.code for problem in verify().problems} == {"hour_total", "hour_usage"}


@pytest.mark.django_db(transaction=True)
def test_two_at_once_count_it_once(workspace: Workspace) -> None:
    found: list[int] = []

    def run() -> None:
        try:
            with clock.at(NOW):
                found.append(add(workspace, row(), row(meter="output_tokens", requests=0)))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(found) == [0, 0, 0, 2]
    assert HourTotal.objects.get().requests == 3
    sound()
