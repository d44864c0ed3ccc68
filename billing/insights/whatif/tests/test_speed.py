"""200,000 requests are priced anew in less than 5 seconds, and no statement that reads them takes long."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Workspace
from benchmarks.seeded import Shape, seed
from billing.credits import clock
from billing.insights.whatif.asked import Question
from billing.insights.whatif.compare import Comparison
from billing.insights.whatif.query import answer
from billing.insights.whatif.ways import ways
from billing.metering.models import HourTotal
from billing.pricing.testing import import_demo_prices

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
LONGEST = 2.0  # seconds that a reader may keep a snapshot


def seeded(events: int) -> Workspace:
    import_demo_prices()
    with clock.at(NOW):
        workspace = seed("Seeded", Shape(events=events, days=29), now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE metering_usageevent")
    return workspace


def replayed(workspace: Workspace, events: int, seconds: float) -> Comparison:
    """All of it on another model, within the time; what was charged is what the totals say."""
    with clock.at(NOW), CaptureQueriesContext(connection) as asked:
        began = time.perf_counter()
        found = answer(workspace, Question(model="openai/gpt-4o-mini")).models
        took = time.perf_counter() - began
    assert found is not None
    assert found.total.requests == events
    assert found.total.actual == sum(HourTotal.objects.values_list("amount", flat=True))
    assert found.requests_left_out == 0
    assert took < seconds, f"{took:.2f} s"
    print(f"{events} requests in {took:.2f} s")
    assert max(float(query["time"]) for query in asked) < LONGEST
    return found


def test_twenty_thousand_requests(db: None) -> None:
    workspace = seeded(20_000)
    found = replayed(workspace, 20_000, 2.0)
    mini = found.models["openai", "gpt-4o-mini"]
    assert mini.replayed == mini.actual
    assert found.models["openai", "gpt-4o"].replayed < found.models["openai", "gpt-4o"].actual


@pytest.mark.slow
def test_two_hundred_thousand_requests(db: None) -> None:
    workspace = seeded(200_000)
    replayed(workspace, 200_000, 5.0)
    with clock.at(NOW):
        began = time.perf_counter()
        on_plan = answer(workspace, Question(on="plan", plan="pro")).plans
        assert on_plan is not None
        assert time.perf_counter() - began < 10.0
        print(f"plan {time.perf_counter() - began:.2f} s")
        began = time.perf_counter()
        found = ways(workspace, count=30, share=None)
        assert time.perf_counter() - began < 10.0
        print(f"ways {time.perf_counter() - began:.2f} s")
    assert found.share == Decimal(50)
