import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey, Project, Workspace
from billing.credits import clock
from billing.metering.events import Source
from billing.metering.record import usage_record
from billing.metering.selectors.breakdown import BY, breakdown, daily, named
from billing.metering.selectors.events import BadCursor, events
from billing.metering.selectors.forecast import average_daily_spend, median_request_cost, requests_left, runway_days
from billing.metering.selectors.receipts import receipt
from billing.metering.selectors.totals import spent, today_and_month
from billing.metering.tests.conftest import HOUR, NOW, SERVICE, TTS, event, fund
from billing.metering.verify import verify_usage

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]
CREDIT = 10**9
DAY = timedelta(days=1)


def messages(event_id: str, count: int, **fields: Any) -> Any:
    """Usage of `count` credits."""
    return event(event_id, model="", usage={"messages": count}, **fields)


@pytest.fixture
def year(workspace: Workspace, prices: None) -> Callable[..., None]:
    """Record events at their own instants, as if each was reported at once."""

    def run(*reported: Any, source: Source = SERVICE) -> None:
        for one in sorted(reported, key=lambda one: one.occurred_at):
            usage_record(workspace_id=workspace.pk, source=source, event=one, now=one.occurred_at)

    return run


def test_today_and_this_month_are_the_workspaces_own(workspace: Workspace, year: Callable[..., None]) -> None:
    workspace.time_zone = "America/New_York"
    midnight = datetime(2026, 3, 10, 4, tzinfo=UTC)
    month = datetime(2026, 3, 1, 5, tzinfo=UTC)
    second = timedelta(seconds=1)
    year(
        messages("before month", 1, occurred_at=month - second),
        messages("month", 2, occurred_at=month),
        messages("a week ago, too late", 64, occurred_at=NOW - 7 * DAY + 3 * HOUR),
        messages("yesterday", 4, occurred_at=midnight - second),
        messages("today", 8, occurred_at=midnight),
        messages("now", 16, occurred_at=NOW - second),
    )
    found = today_and_month(workspace, NOW)
    assert (found.today, found.month) == (24 * CREDIT, (2 + 4 + 8 + 16 + 64) * CREDIT)
    assert (found.requests_today, found.requests_month, found.weekday_requests) == (2, 5, 0)


def test_the_same_weekday_counts_up_to_the_same_hour(workspace: Workspace, year: Callable[..., None]) -> None:
    week_ago = NOW - 7 * DAY
    year(
        messages("day before", 1, occurred_at=week_ago - 13 * HOUR),
        messages("morning", 1, occurred_at=week_ago - 11 * HOUR),
        messages("noon", 1, occurred_at=week_ago),
        messages("afternoon", 1, occurred_at=week_ago + HOUR),
    )
    assert today_and_month(workspace, NOW).weekday_requests == 2


def test_spent_takes_the_hours_of_a_stretch(workspace: Workspace, year: Callable[..., None]) -> None:
    year(*(messages(f"h{hour}", 2**hour, occurred_at=NOW - hour * HOUR) for hour in range(5)))
    found = spent(workspace.pk, NOW - 2 * HOUR, NOW)
    assert (found.nano, found.requests) == (7 * CREDIT, 3)


@pytest.fixture
def varied(workspace: Workspace, year: Callable[..., None]) -> dict[str, Any]:
    prod = Project.objects.create(workspace=workspace, slug="prod", name="Production")
    key = ApiKey.objects.create(kind="service", name="Backend", prefix="psk_12345678", digest="d")
    year(event("d", model=TTS, usage={"input_characters": 100}, agent="voice", task="TTS", occurred_at=NOW - 40 * DAY))
    year(
        event("a", agent="bot", app="web", task="chat", project="prod", occurred_at=NOW - DAY),
        event("b", agent="bot", app="web", task="summary", project="prod", occurred_at=NOW),
        event("c", model="acme/brain", usage={"input_tokens": 7}, agent="bot", occurred_at=NOW),
        source=Source("service", api_key_id=key.pk),
    )
    year(messages("e", 3, app="phone", occurred_at=NOW))
    return {"prod": prod, "key": key}


MINI, PAIR = 72_000_000, 144_000_000
SPEECH, MESSAGES = 800_000_000, 3_000_000_000


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("model", {"platform": MESSAGES, "elevenlabs/eleven_flash_v2_5": SPEECH, "openai/gpt-4o-mini": PAIR}
         | {"acme/brain": 0}),
        ("provider", {"platform": MESSAGES, "elevenlabs": SPEECH, "openai": PAIR, "acme": 0}),
        ("meter", {"messages": MESSAGES, "input_characters": SPEECH, "input_tokens": MINI, "output_tokens": MINI}),
        ("task", {"No task": MESSAGES, "TTS": SPEECH, "chat": MINI, "summary": MINI}),
        ("project", {"No project": MESSAGES + SPEECH, "Production": PAIR}),
        ("agent", {"No agent": MESSAGES, "voice": SPEECH, "bot": PAIR}),
        ("app", {"phone": MESSAGES, "No app": SPEECH, "web": PAIR}),
        ("key", {"No key": MESSAGES + SPEECH, "Backend (psk_12345678…)": PAIR}),
        ("month", {"2026-01": SPEECH, "2026-02": 0, "2026-03": MESSAGES + PAIR}),
    ],
)  # fmt: skip
def test_a_breakdown_by_anything_adds_up(
    workspace: Workspace, varied: dict[str, Any], by: str, expected: dict[str, int]
) -> None:
    rows = breakdown(workspace, by=by, since=NOW - 60 * DAY, until=NOW + HOUR)
    assert {row.name: row.nano for row in rows} == expected
    assert [row.name for row in rows] == list(expected)
    assert sum(row.requests for row in rows) == 5
    assert sum(row.tokens for row in rows) == 3007
    assert abs(sum(row.share for row in rows) - 100) < Decimal("0.0001")


def test_a_breakdown_by_day_has_empty_days_and_ends_with_today(workspace: Workspace, varied: dict[str, Any]) -> None:
    rows = breakdown(workspace, by="day", since=NOW - 3 * DAY, until=NOW)
    assert [(row.key, row.nano) for row in rows] == [
        ("2026-03-07", 0),
        ("2026-03-08", 0),
        ("2026-03-09", MINI),
        ("2026-03-10", MINI + MESSAGES),
    ]


def test_a_breakdown_can_be_narrowed_by_its_own_keys(workspace: Workspace, varied: dict[str, Any]) -> None:
    whole = {"since": NOW - 60 * DAY, "until": NOW + HOUR}
    for by in [name for name in BY if name not in ("day", "month", "end_user")]:
        for row in breakdown(workspace, by=by, **whole):
            narrowed = breakdown(workspace, by="provider", where={by: row.key}, **whole)
            assert sum(part.nano for part in narrowed) == row.nano, (by, row.key)
    with pytest.raises(ValueError, match="by is one of"):
        breakdown(workspace, by="colour", **whole)


def test_a_chart_stacks_the_largest_and_sums_the_rest(workspace: Workspace, year: Callable[..., None]) -> None:
    year(
        *(
            messages(f"{name}{day}", size, agent=name, occurred_at=NOW - day * DAY)
            for name, size in zip("abcdef", (32, 16, 8, 4, 2, 1), strict=True)
            for day in (0, 2)
        )
    )
    chart = daily(workspace, by="agent", first=date(2026, 3, 8), last=date(2026, 3, 10))
    assert [line.name for line in chart.lines] == ["a", "b", "c", "d", "Other"]
    assert chart.lines[0].values == [32 * CREDIT, 0, 32 * CREDIT]
    assert chart.lines[-1].values == [3 * CREDIT, 0, 3 * CREDIT]
    assert chart.totals == [63 * CREDIT, 0, 63 * CREDIT]
    requests = daily(workspace, by="agent", first=date(2026, 3, 8), last=date(2026, 3, 10), metric="requests")
    assert requests.totals == [6, 0, 6]


def test_five_lines_need_no_other_and_none_is_an_empty_chart(workspace: Workspace, year: Callable[..., None]) -> None:
    assert daily(workspace, by="app", first=date(2026, 3, 9), last=date(2026, 3, 10)).totals == [0, 0]
    year(*(messages(name, 1, agent=name, occurred_at=NOW) for name in "abcde"))
    chart = daily(workspace, by="agent", first=date(2026, 3, 10), last=date(2026, 3, 10))
    assert [line.name for line in chart.lines] == list("abcde")


def test_agents_and_apps_of_today_and_this_month(workspace: Workspace, varied: dict[str, Any]) -> None:
    rows = [(row.name, row.today, row.month) for row in named(workspace, "agent", now=NOW)]
    assert rows == [("bot", MINI, PAIR)]
    assert [(row.name, row.today) for row in named(workspace, "app", now=NOW)] == [("phone", MESSAGES), ("web", MINI)]


def test_on_the_first_of_a_month_today_is_the_month(workspace: Workspace, year: Callable[..., None]) -> None:
    first = datetime(2026, 4, 1, 1, tzinfo=UTC)
    year(messages("a", 1, agent="x", occurred_at=first))
    assert [(row.today, row.month) for row in named(workspace, "agent", now=first)] == [(CREDIT, CREDIT)]


def test_events_are_paged_newest_first_without_gap_or_repeat(
    batch: Record, workspace: Workspace, noon: datetime
) -> None:
    batch([event(f"e{index:02}", occurred_at=noon - timedelta(minutes=index // 3)) for index in range(20)])
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = events(workspace.pk, cursor=cursor, limit=6)
        seen += [one.event_id for one in page.events]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == [f"e{index:02}" for index in range(20)]
    stamps = [one.occurred_at for one in events(workspace.pk, limit=50).events]
    assert stamps == sorted(stamps, reverse=True)


@pytest.mark.parametrize("cursor", ["x", "!!", "LTE6MQ", "OTk5OTk5OTk5OTk5OTk5OTk5OjE", "é", "MToxOjE"])
def test_a_cursor_of_ones_own_making_is_refused(workspace: Workspace, cursor: str) -> None:
    with pytest.raises(BadCursor):
        events(workspace.pk, cursor=cursor)


def test_events_can_be_filtered(workspace: Workspace, varied: dict[str, Any]) -> None:
    def ids(**where: str) -> str:
        return "".join(sorted(one.event_id for one in events(workspace.pk, where=where).events))

    assert ids(model="openai/gpt-4o-mini") == ids(model="gpt-4o-mini") == "ab"
    assert ids(project="prod") == ids(project=str(varied["prod"].pk)) == "ab"
    assert ids(key="psk_12345678") == ids(key=str(varied["key"].pk)) == "abc"
    assert ids(agent="bot", task="chat") == "a"
    assert ids(app="phone") == "e"
    assert ids(problem="unknown_model") == "c"
    assert ids(agent="nobody") == ""
    assert "".join(one.event_id for one in events(workspace.pk, since=NOW - HOUR, until=NOW).events) == ""
    with pytest.raises(ValueError, match="colour"):
        ids(colour="red")


def test_another_workspaces_usage_is_not_seen(workspace: Workspace, varied: dict[str, Any]) -> None:
    other = Workspace.objects.create(name="Other")
    assert events(other.pk).events == []
    assert breakdown(other, by="model", since=NOW - 60 * DAY, until=NOW + HOUR) == []
    assert spent(other.pk, NOW - 60 * DAY, NOW).nano == 0
    assert receipt(other.pk, event_id="a") is None


def test_a_receipt_of_free_and_of_charged_usage(record: Record, workspace: Workspace) -> None:
    lot = fund(workspace)
    record(event("paid"))
    record(event("paid", agent="customer"), Source("workspace"))
    record(event("free", model="", usage={"static_messages": 1}))
    found = receipt(workspace.pk, event_id="paid", prefer="workspace")
    assert found is not None
    assert found.event.agent == "customer"
    assert [(part.lot_id, part.label, part.nano) for part in found.paid] == [(lot, "Lot start", MINI)]
    assert [line.meter for line in found.lines] == ["input_tokens", "output_tokens"]
    assert len(found.head) == 32
    free = receipt(workspace.pk, event_id="free")
    assert free is not None
    assert (free.paid, free.debt, free.seq, free.head) == ((), 0, None, b"")


def test_a_receipt_is_looked_up_in_the_index_also_when_there_is_none(batch: Record, workspace: Workspace) -> None:
    batch([event(f"e{index}", model="", usage={"static_messages": 1}) for index in range(1000)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE metering_usageevent")
    for prefer in ("", "service"):
        with CaptureQueriesContext(connection) as queries:
            assert receipt(workspace.pk, event_id="nothing", prefer=prefer) is None
        indexes = ("usage_event_once", "usage_event_of_other_origin")  # of classes of key, of CloudEvents
        for index, query in zip(indexes, queries.captured_queries, strict=True):
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + query["sql"])
                plan = "\n".join(line for (line,) in cursor.fetchall())
            condition = re.search(rf"{index}.*\n\s+Index Cond: (.*)", plan)
            assert condition, plan
            parts = ["workspace_id = ", "(event_id)::text = "] + ["(origin)::text = "] * (index == indexes[0])
            assert all(part in condition[1] for part in parts), plan
            blocks = re.search(r"shared hit=(\d+)", plan)
            assert blocks is not None
            assert int(blocks[1]) < 20, plan


def test_the_median_of_charged_requests(batch: Record, workspace: Workspace, noon: datetime) -> None:
    assert median_request_cost(workspace.pk) is None
    batch([messages(f"m{size}", size) for size in (1, 2, 3, 100, 1000)])
    batch([event(f"free{index}", model="", usage={"static_messages": 1}) for index in range(20)])
    assert median_request_cost(workspace.pk) == 3 * CREDIT
    assert requests_left(available=10 * CREDIT, median=3 * CREDIT) == 3
    assert requests_left(available=10 * CREDIT, median=None) is None
    assert median_request_cost(workspace.pk, now=noon + 8 * DAY) is None


def test_runway_follows_the_pace_of_the_last_week(workspace: Workspace, year: Callable[..., None]) -> None:
    assert runway_days(workspace.pk, available=5 * CREDIT, now=NOW) is None
    at = NOW.replace(minute=0)
    year(*(messages(f"d{day}", 10, occurred_at=at - day * DAY) for day in range(1, 8)))
    assert average_daily_spend(workspace.pk, at) == 10 * CREDIT
    assert runway_days(workspace.pk, available=125 * CREDIT, now=at) == Decimal("12.5")
    assert runway_days(workspace.pk, available=0, now=at) == 0


def test_no_page_or_summary_reads_events(workspace: Workspace, varied: dict[str, Any]) -> None:
    with CaptureQueriesContext(connection) as queries:
        today_and_month(workspace, NOW)
        spent(workspace.pk, NOW - DAY, NOW)
        runway_days(workspace.pk, available=1, now=NOW)
        named(workspace, "agent", now=NOW)
        daily(workspace, by="model", first=date(2026, 3, 1), last=date(2026, 3, 10))
        for by in BY:
            breakdown(workspace, by=by, since=NOW - 60 * DAY, until=NOW)
    assert not [query["sql"] for query in queries if "metering_usageevent" in query["sql"]]


def test_hourly_totals_equal_the_events_whatever_was_recorded(
    batch: Record, record: Record, workspace: Workspace, noon: datetime
) -> None:
    fund(workspace, 2)
    for index in range(30):
        usage = {"input_tokens": 37 * index + 1, "cached_input_tokens": 7 * index, "output_tokens": f"{index}.5"}
        at = noon - timedelta(minutes=97 * index)
        (record if index % 3 else lambda one: batch([one]))(
            event(f"e{index}", usage=usage, agent=f"a{index % 4}", occurred_at=at, project=f"p{index % 3}")
        )
    with clock.at(noon + HOUR):
        batch([event(f"late{index}", occurred_at=noon - index * DAY, task=f"t{index}") for index in range(10)])
    assert verify_usage(workspace.pk) == []
