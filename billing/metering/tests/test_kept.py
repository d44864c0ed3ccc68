"""What is kept of past days is what a new reading would say, whatever was counted or given back since."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Workspace
from billing.credits import clock
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record
from billing.metering.reverse import usage_reverse
from billing.metering.selectors import kept
from billing.metering.selectors.breakdown import Named, breakdown, daily, named
from billing.metering.selectors.group import Group
from billing.metering.selectors.grouping import groups
from billing.metering.selectors.kept import by_stretch, forget_days
from billing.metering.tests.conftest import NOW, SERVICE, event
from billing.metering.tests.pricing import price_appears
from billing.metering.unrated.charging import charge_waiting

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0, minute=0)
STARTS = [MIDNIGHT - back * DAY for back in range(9, -1, -1)]
Use = Callable[..., None]


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    forget_days()
    yield
    forget_days()


@pytest.fixture
def use(workspace: Workspace, prices: None) -> Use:
    def run(name: str, at: datetime, count: int, agent: str, *, now: datetime = NOW) -> None:
        reported = event(name, model="", usage={"messages": count}, agent=agent, occurred_at=at)
        usage_record(workspace_id=workspace.pk, source=SERVICE, event=reported, now=now)

    for back in range(9, 0, -1):
        at = NOW - back * DAY
        run(f"a-{back}", at, back, "a", now=at)
        run(f"b-{back}", at, 10 - back, "b", now=at)
    return run


@pytest.mark.parametrize("usd", ["0", "1"])
def test_what_gets_its_price_later_is_read_anew(use: Use, workspace: Workspace, usd: str) -> None:
    """Also where it costs nothing: its quantities are another model's then."""
    with clock.at(NOW):
        usage_record(
            workspace_id=workspace.pk, source=SERVICE, event=event("odd", model="brainy", occurred_at=NOW - DAY)
        )
        bounds = {"since": STARTS[0], "until": NOW}
        before = breakdown(workspace, by="model", **bounds)
        price_appears(aliases=("brainy",), input_tokens=usd, output_tokens=usd)
        assert charge_waiting(workspace_id=workspace.pk, pks=[UsageEvent.objects.get(event_id="odd").pk]) == 1
        after = breakdown(workspace, by="model", **bounds)
        forget_days()
        assert after == breakdown(workspace, by="model", **bounds)
    assert {row.key for row in before} == {"platform", "brainy"}
    assert {row.key for row in after} == {"platform", "acme/brain"}


def read(workspace: Workspace) -> tuple[list[list[Group]], list[str]]:
    """The days by agent, and the queries of wide totals that it took."""
    with CaptureQueriesContext(connection) as queries:
        found = by_stretch(workspace.pk, by="agent", starts=STARTS, until=NOW)
    return found, [query["sql"] for query in queries if "metering_hourusage" in query["sql"]]


def anew(workspace: Workspace) -> list[list[Group]]:
    fresh: list[list[Group]] = [[] for _ in STARTS]
    for group in groups(workspace.pk, by="agent", since=STARTS[0], until=NOW, starts=STARTS):
        fresh[group.bucket].append(group)
    return fresh


def same(found: list[list[Group]], expected: list[list[Group]]) -> bool:
    """Whatever bucket they were first read in."""

    def plain(day: list[Group]) -> list[tuple[Any, ...]]:
        return sorted((each.key, each.nano, each.requests, each.tokens, each.quantity) for each in day)

    return list(map(plain, found)) == list(map(plain, expected))


def test_only_what_moved_is_read_again(workspace: Workspace, use: Use) -> None:
    found, queries = read(workspace)
    assert len(queries) == 1
    assert same(found, anew(workspace))
    assert read(workspace) == (found, [])
    use("today", NOW, 5, "a")
    found, queries = read(workspace)
    assert f"used.hour >= '{MIDNIGHT}'" in queries[0]
    assert same(found, anew(workspace))


def test_what_comes_late_and_what_is_given_back_is_seen(workspace: Workspace, use: Use) -> None:
    read(workspace)
    use("late", NOW - 2 * DAY, 7, "c")
    found, _ = read(workspace)
    assert same(found, anew(workspace))
    assert [group.nano for group in found[-3] if group.key == "c"] == [7 * 10**9]
    pk = UsageEvent.objects.get(event_id="a-3").pk
    usage_reverse(workspace_id=workspace.pk, pk=pk, reason="wrong", actor="staff@example.com")
    found, _ = read(workspace)
    assert same(found, anew(workspace))
    assert [group.nano for group in found[-4] if group.key == "a"] == [0]


def test_what_costs_nothing_is_seen_as_well(workspace: Workspace, use: Use) -> None:
    read(workspace)
    free = event("free", model="", usage={"static_messages": 3}, agent="d", occurred_at=NOW - DAY)
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=free, now=NOW)
    found, _ = read(workspace)
    assert [group.requests for group in found[-2] if group.key == "d"] == [1]


def test_no_more_is_kept_than_there_is_room_for(
    workspace: Workspace, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST", 7)
    for _ in range(2):
        found, queries = read(workspace)
        assert len(queries) == 1
        assert same(found, anew(workspace))


def test_agents_are_ranked_with_today(workspace: Workspace, use: Use) -> None:
    use("today", NOW, 40, "z")
    use("more", NOW, 1, "a")
    month = {"a": 46, "b": 45, "z": 40}  # 1 to 9 March, and today
    today = {"a": 1, "b": 0, "z": 40}
    expected = [Named(name, today[name] * 10**9, nano * 10**9) for name, nano in month.items()]
    for limit in (1, 2, 3, 50):
        assert named(workspace, "agent", now=NOW, limit=limit) == expected[:limit]


def test_breakdowns_and_charts_are_the_same_with_and_without_what_is_kept(workspace: Workspace, use: Use) -> None:
    def everything() -> tuple[Any, ...]:
        since, until = NOW - 5 * DAY, NOW - DAY + timedelta(minutes=5)
        return (
            breakdown(workspace, by="agent", since=since, until=until),
            breakdown(workspace, by="day", since=since, until=until),
            breakdown(workspace, by="month", since=since - 20 * DAY, until=until),
            daily(workspace, by="agent", first=since.date(), last=until.date()),
        )

    first = everything()
    assert everything() == first
    forget_days()
    assert everything() == first
    assert sum(row.nano for row in first[0]) == sum(row.nano for row in first[1])
