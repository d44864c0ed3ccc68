"""Late, early, out of order, twice: what counts when, and at which price, to the microsecond."""

import itertools
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.site.services import site_update
from billing.ledger.models import Wallet
from billing.ledger.verify import verify
from billing.metering.errors import EventRejected
from billing.metering.models import HourTotal, UsageEvent
from billing.metering.selectors import days
from billing.metering.selectors.breakdown import breakdown
from billing.metering.selectors.events import booked_events
from billing.metering.selectors.totals import spent
from billing.metering.tests.conftest import HOUR, NOW, event
from billing.metering.tests.pricing import price_appears
from billing.pricing.approvals import markup_add

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
EACH = 72_000_000


def utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[arg-type,misc]


def requests_by_day(workspace: Workspace, zone: str, first: date, last: date) -> list[int]:
    workspace.time_zone = zone
    tz = days.zone(zone)
    since, until = days.starts(first, tz), days.starts(last + DAY, tz)
    return [row.requests for row in breakdown(workspace, by="day", since=since, until=until)]


@pytest.mark.parametrize("hours", [72, 1, 0])
def test_the_window_is_exact(record: Record, noon: datetime, hours: int) -> None:
    site_update(changes={"late_after_hours": hours}, actor="test")
    edge = noon - hours * HOUR
    assert not record(event("on the edge", occurred_at=edge)).late
    assert record(event("before it", occurred_at=edge - MICROSECOND)).late
    booked = dict(UsageEvent.objects.values_list("event_id", "booked_at"))
    assert booked == {"on the edge": edge, "before it": noon}


def test_five_minutes_ahead_is_taken_for_now_and_more_is_refused(record: Record, noon: datetime) -> None:
    ahead = noon + timedelta(minutes=5)
    receipt = record(event("ahead", occurred_at=ahead))
    assert (receipt.late, receipt.occurred_at) == (False, ahead)
    stored = UsageEvent.objects.get()
    assert (stored.occurred_at, stored.booked_at) == (ahead, noon)
    with pytest.raises(EventRejected, match="5 minutes in the future"):
        record(event("too far", occurred_at=ahead + MICROSECOND))
    assert UsageEvent.objects.count() == 1


def test_a_clock_that_is_ahead_does_not_reach_the_next_hour_or_price(record: Record, workspace: Workspace) -> None:
    """The price changes, and the hour ends, between now and what the reporter's clock says."""
    now = NOW.replace(minute=58)
    with clock.at(now - timedelta(seconds=30)):
        markup_add(percent=Decimal(100), by="a test")  # 30 seconds from `now` on
    with clock.at(now):
        assert record(event("ahead", occurred_at=now + timedelta(minutes=4))).nano == EACH
        assert record(event("present")).nano == EACH
    with clock.at(now + timedelta(minutes=4)):
        assert record(event("then")).nano == 2 * EACH
    assert list(HourTotal.objects.order_by("hour").values_list("hour", "requests")) == [
        (now.replace(minute=0), 2),
        (now.replace(minute=0) + HOUR, 1),
    ]


def test_a_price_counts_from_its_instant_on_however_late_it_is_reported(record: Record, workspace: Workspace) -> None:
    with clock.at(NOW):
        markup = markup_add(percent=Decimal(50), by="a test")
    change = markup.effective_from
    assert change == NOW + timedelta(seconds=60)
    instants = {"before": change - MICROSECOND, "at": change, "after": change + MICROSECOND}
    for later, late in ((HOUR, False), (40 * DAY, True)):
        with clock.at(NOW + later):
            receipts = [record(event(f"{name} {later}", occurred_at=at)) for name, at in instants.items()]
            assert [receipt.nano for receipt in receipts] == [EACH, EACH * 3 // 2, EACH * 3 // 2]
            assert {receipt.late for receipt in receipts} == {late}
    assert verify().problems == []


@pytest.mark.parametrize(
    ("zone", "midnight", "counts"),
    [
        ("UTC", utc(2026, 3, 30), [0, 1, 1]),
        # 29 March has 23 hours in Berlin, and ends at 22:00 UTC.
        ("Europe/Berlin", utc(2026, 3, 29, 22), [0, 1, 1]),
        ("America/New_York", utc(2026, 3, 30, 4), [0, 1, 1]),
        # Midnight is at 18:30 UTC: an hour belongs to the day it begins in, so the day begins with the hour of 19:00.
        ("Asia/Kolkata", utc(2026, 3, 29, 19), [0, 1, 1]),
    ],
)
def test_the_last_microsecond_of_a_local_day_is_of_that_day(
    record: Record, workspace: Workspace, zone: str, midnight: datetime, counts: list[int]
) -> None:
    with clock.at(midnight + 10 * HOUR):
        record(event("before", occurred_at=midnight - MICROSECOND))
        record(event("at", occurred_at=midnight))
    assert requests_by_day(workspace, zone, date(2026, 3, 28), date(2026, 3, 30)) == counts


def test_the_day_that_lasts_25_hours_counts_all_of_them(batch: Record, workspace: Workspace) -> None:
    """25 October 2026 in Berlin: from 22:00 UTC of the day before until 23:00 UTC."""
    start = utc(2026, 10, 24, 22)
    with clock.at(start + 2 * DAY):
        batch([event(f"hour{index}", occurred_at=start + index * HOUR) for index in range(-1, 26)])
    assert requests_by_day(workspace, "Europe/Berlin", date(2026, 10, 24), date(2026, 10, 26)) == [1, 25, 1]


def test_at_the_end_of_a_month_the_window_decides_which_month_it_is(record: Record, workspace: Workspace) -> None:
    end = utc(2026, 2, 1)
    with clock.at(end + HOUR):
        record(event("in time", occurred_at=end - MICROSECOND))
    with clock.at(end + 73 * HOUR):
        record(event("late", occurred_at=end - MICROSECOND))
    rows = breakdown(workspace, by="month", since=utc(2026, 1, 1), until=utc(2026, 3, 1))
    assert [(row.key, row.requests) for row in rows] == [("2026-01", 1), ("2026-02", 1)]
    assert verify().problems == []


def test_a_late_event_is_listed_in_the_hour_and_day_it_counts_in(record: Record, workspace: Workspace) -> None:
    happened = NOW - 30 * DAY
    with clock.at(happened):
        record(event("then"))
    with clock.at(NOW):
        record(event("late", occurred_at=happened))
        record(event("later", occurred_at=happened - DAY))
        record(event("now"))
    ahead = NOW.replace(minute=59)
    with clock.at(ahead):
        record(event("ahead", occurred_at=ahead + timedelta(minutes=4)))

    def listed(since: datetime, until: datetime) -> list[str]:
        found = booked_events(workspace.pk, since=since, until=until).events
        assert len(found) == spent(workspace.pk, since, until).requests
        assert sum(row.amount for row in found) == spent(workspace.pk, since, until).nano
        return [row.event_id for row in found]

    hour = NOW.replace(minute=0)
    assert listed(hour, hour + HOUR) == ["ahead", "now", "late", "later"]
    assert listed(hour + HOUR, hour + 2 * HOUR) == []
    then = happened.replace(minute=0)
    assert listed(then, then + HOUR) == ["then"]
    assert listed(then - DAY, then + HOUR) == ["then"]
    assert listed(then - 2 * DAY, NOW + DAY) == ["ahead", "now", "late", "then", "later"]
    assert [row.event_id for row in booked_events(
        workspace.pk, since=hour, until=hour + HOUR, where={"model": "openai/gpt-4o"}
    ).events] == []  # fmt: skip


def test_an_hour_is_paged_without_gap_or_repeat(batch: Record, workspace: Workspace) -> None:
    with clock.at(NOW):
        order = [event(f"e{i}", occurred_at=NOW - (10 * DAY if i % 3 else timedelta(0)) - i * MICROSECOND)
                 for i in range(23)]  # fmt: skip
        batch(random.Random(7).sample(order, 23))
    hour = NOW.replace(minute=0)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        page = booked_events(workspace.pk, since=hour, until=hour + HOUR, cursor=cursor, limit=5)
        seen += [row.event_id for row in page.events]
        cursor = page.next_cursor
    assert cursor is None
    rows = sorted(order, key=lambda each: each.occurred_at or NOW, reverse=True)
    assert seen == [each.event_id for each in rows]


def test_late_events_of_an_hour_are_found_by_their_index(batch: Record, workspace: Workspace) -> None:
    with clock.at(NOW):
        batch([event(f"late{i}", occurred_at=NOW - 10 * DAY) for i in range(5)])
    rows = UsageEvent.objects.filter(workspace=workspace, late=True, booked_at__gte=NOW, booked_at__lt=NOW + HOUR)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "usage_event_late" in rows.explain()


def test_in_any_order_and_any_cut_the_same_comes_out(batch: Record, record: Record, workspace: Workspace) -> None:
    """Early and late, priced and not, in one batch or many or one by one: totals, charges and lists are the same."""
    seen = []
    for run, cuts in enumerate(([40], [20, 20], [1] * 40, [3, 30, 7])):
        start = NOW + run * 400 * DAY
        with clock.at(start):
            events = [
                event(f"{run}-{i}", occurred_at=start - i * 5 * HOUR, model="acme/x" if i % 7 == 3 else "openai/gpt-4o")
                for i in range(40)
            ]
            events = random.Random(run).sample(events, 40)
            for size in cuts:
                part, events = events[:size], events[size:]
                batch(part) if size > 1 else record(part[0])
            batch(
                random.Random(run).sample(
                    [event(f"{run}-{i}", occurred_at=start - i * 5 * HOUR) for i in range(40)], 40
                )
            )
        rows = UsageEvent.objects.filter(event_id__startswith=f"{run}-").order_by("occurred_at")
        told = [(start - row.occurred_at, start - row.booked_at, row.late, row.amount, row.problem) for row in rows]
        totals = HourTotal.objects.filter(hour__gte=start - 300 * HOUR).order_by("hour")
        seen.append((told, list(totals.values_list("amount", "requests"))))
    assert all(one == other for one, other in itertools.pairwise(seen))
    assert len(seen[0][0]) == 40
    assert Wallet.objects.get().debt == sum(UsageEvent.objects.values_list("amount", flat=True))
    assert verify().problems == []


def test_the_first_price_of_a_model_reaches_late_events_too(record: Record, workspace: Workspace) -> None:
    with clock.at(NOW):
        price_appears()
    with clock.at(NOW + DAY):
        receipt = record(event("old", model="acme/brain", occurred_at=NOW - 300 * DAY))
    assert (receipt.nano, receipt.late) == (360_000_000, True)
