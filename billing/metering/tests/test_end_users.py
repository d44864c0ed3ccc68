from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site, site
from billing.metering import store
from billing.metering.events import Source
from billing.metering.known import forget_everything
from billing.metering.models import EndUser, EndUserHour, UsageEvent
from billing.metering.rated import Rollups
from billing.metering.reverse import usage_reverse
from billing.metering.selectors.breakdown import breakdown, daily
from billing.metering.selectors.events import events
from billing.metering.tests.conftest import HOUR, NOW, event, fund
from billing.metering.verify import verify_usage

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]
EACH = 72_000_000


@pytest.fixture
def two_a_day(db: None) -> None:
    site()
    SiteSettings.objects.update_or_create(pk=1, defaults={"max_end_users": 2})
    forget_site()


def counted() -> dict[str, tuple[int, int]]:
    """Nano-credits and requests by end user."""
    rows = EndUserHour.objects.order_by("hour").values_list("end_user__name", "amount", "requests")
    found: dict[str, tuple[int, int]] = {}
    for name, amount, requests in rows:
        before = found.get(name, (0, 0))
        found[name] = before[0] + amount, before[1] + requests
    return found


def reverse(workspace: Workspace, event_id: str) -> None:
    pk = UsageEvent.objects.get(event_id=event_id).pk
    usage_reverse(workspace_id=workspace.pk, pk=pk, reason="wrong", actor="staff")


def codes(workspace: Workspace) -> set[str]:
    return {problem.code for problem in verify_usage(workspace.pk)}


# Writing


def test_single_events_and_batches_count_for_the_end_user_they_name(
    record: Record, batch: Record, workspace: Workspace
) -> None:
    fund(workspace)
    record(event("a", end_user="ann"))
    record(event("b", end_user="ann", agent="x"))
    record(event("nobody"))
    batch([event("c", end_user="ann"), event("d", end_user="bea"), event("nobody2"), event("d", end_user="bea")])
    assert counted() == {"ann": (3 * EACH, 3), "bea": (EACH, 1)}
    row = EndUserHour.objects.get(end_user__name="bea")
    assert (row.tokens, row.quantity) == (1500, 1500)
    assert codes(workspace) == set()


def test_events_without_one_are_written_as_if_there_were_none(
    record: Record, workspace: Workspace, django_capture_on_commit_callbacks: Any
) -> None:
    fund(workspace)
    with django_capture_on_commit_callbacks(execute=True):
        record(event("first"))
        record(event("named", end_user="ann"))
    with CaptureQueriesContext(connection) as without:
        record(event("a"))
    assert not [query for query in without.captured_queries if "enduser" in query["sql"]]
    with CaptureQueriesContext(connection) as named:
        record(event("c", end_user="ann"))
    assert len(named) == len(without)
    assert store.write_rollups(Rollups(workspace.pk, Source("service")), {}, {})[0].count("enduser") == 0


def test_further_end_users_of_a_day_are_summed_as_other(
    record: Record, batch: Record, workspace: Workspace, noon: datetime, two_a_day: None
) -> None:
    fund(workspace)
    for name in ("ann", "bea", "cleo", "dora", "ann", "cleo"):
        record(event(f"{name}{UsageEvent.objects.count()}", end_user=name))
    batch([event(f"batch{index}", end_user=f"u{index}") for index in range(20)])
    assert counted() == {"ann": (2 * EACH, 2), "bea": (EACH, 1), "other": (23 * EACH, 23)}
    with clock.at(NOW + 12 * HOUR):
        record(event("tomorrow", end_user="cleo"))
    assert counted()["cleo"] == (EACH, 1)
    assert codes(workspace) == set()


def test_a_reversal_is_taken_from_where_the_event_was_counted(
    record: Record, workspace: Workspace, noon: datetime, two_a_day: None
) -> None:
    fund(workspace)
    for name in ("ann", "bea", "cleo"):
        record(event(name, end_user=name))
    with clock.at(noon + timedelta(days=1)):  # then "cleo" gets a row of her own, in the same hour
        record(event("later", end_user="cleo", occurred_at=noon))
    reverse(workspace, "ann")
    reverse(workspace, "cleo")
    assert counted() == {"ann": (0, 1), "bea": (EACH, 1), "other": (0, 1), "cleo": (EACH, 1)}
    reverse(workspace, "later")
    assert counted()["cleo"] == (0, 1)
    assert codes(workspace) == set()


def test_a_late_event_counts_in_the_hour_it_is_booked_in(record: Record, workspace: Workspace, noon: datetime) -> None:
    fund(workspace)
    record(event("late", end_user="ann", occurred_at=noon - timedelta(days=30)))
    assert EndUserHour.objects.get().hour == noon.replace(minute=0)


def test_an_id_that_was_rolled_back_is_not_remembered(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event("a", end_user="ann"))
    EndUserHour.objects.all().delete()
    EndUser.objects.all().delete()
    forget_everything()
    record(event("b", end_user="ann"))
    assert counted() == {"ann": (EACH, 1)}


# Invariants


def test_a_changed_or_missing_row_is_found(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event("a", end_user="ann"))
    EndUserHour.objects.update(amount=1)
    assert codes(workspace) == {"end_user_hour"}
    EndUserHour.objects.all().delete()
    assert codes(workspace) == {"end_user_hour"}


def test_the_database_refuses_negative_sums_and_second_rows(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event("a", end_user="ann"))
    for broken in ({"amount": -1}, {"requests": -1}):
        with pytest.raises(IntegrityError, match="not_negative"), transaction.atomic():
            EndUserHour.objects.update(**broken)
    row = EndUserHour.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError, match="end_user_hour_once"), transaction.atomic():
        row.save(force_insert=True)
    for name, refused in (("ann", "end_user_once"), ("", "end_user_has_a_name")):
        with pytest.raises(IntegrityError, match=refused), transaction.atomic():
            EndUser.objects.create(workspace=workspace, name=name, created_at=clock.now())


# Reading


def test_a_breakdown_names_them_and_what_named_nobody(
    record: Record, batch: Record, workspace: Workspace, noon: datetime
) -> None:
    fund(workspace)
    batch([event(f"e{index}", end_user=name) for index, name in enumerate(("ann", "ann", "ann", "bea", ""))])
    record(event("before", end_user="bea", occurred_at=noon - 24 * HOUR))
    found = breakdown(workspace, by="end_user", since=NOW - 48 * HOUR, until=NOW + HOUR)
    assert [(row.key, row.name, row.nano, row.requests, row.tokens, row.share) for row in found] == [
        ("ann", "ann", 3 * EACH, 3, 4500, 50),
        ("bea", "bea", 2 * EACH, 2, 3000, Decimal(200) / 6),
        ("", "No end user", EACH, 1, 1500, Decimal(100) / 6),
    ]
    chart = daily(workspace, by="end_user", first=date(2026, 3, 9), last=date(2026, 3, 10), metric="requests")
    assert [(line.name, line.values) for line in chart.lines] == [
        ("ann", [0, 3]),
        ("bea", [1, 1]),
        ("No end user", [0, 1]),
    ]
    for by, only in (("end_user", "model"), ("model", "end_user")):
        with pytest.raises(ValueError, match="narrowed"):
            breakdown(workspace, by=by, since=NOW, until=NOW + HOUR, where={only: "x"})


def test_their_requests_are_found_by_an_index(batch: Record, workspace: Workspace) -> None:
    fund(workspace, 1000)
    batch([event(f"e{index}", end_user=f"u{index % 100}" if index % 2 else "") for index in range(1000)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE metering_usageevent")
        assert len(events(workspace.pk, where={"end_user": "u7"}).events) == 10
        with CaptureQueriesContext(connection) as queries:
            events(workspace.pk, where={"end_user": "u7"}, limit=5)
        cursor.execute("EXPLAIN " + queries.captured_queries[0]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "usage_event_of_end_user" in plan
    assert "Seq Scan on metering_usageevent" not in plan
