"""When a price begins to count: a fall after a minute, a rise after the notice, none before upstream's own date."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.pricing.approvals import price_approve
from billing.pricing.models import PriceLine
from billing.pricing.services import import_reading
from billing.pricing.sources.rows import ModelRow, Reading
from billing.pricing.testing import rises_after
from billing.pricing.tests.test_import import DAY1, DAY2, MINUTE, cost, read, row

pytestmark = pytest.mark.django_db
DAY = timedelta(hours=24)
BATCH = (("tier", "batch"),)


@pytest.fixture(autouse=True)
def _rises_at_once() -> Iterator[None]:
    """Not here: a day's notice, as by default."""
    return None


def starts(meter: str = "input_tokens", **fields: object) -> list[datetime | None]:
    lines = PriceLine.objects.filter(meter=meter, status="active", **fields).order_by("pk")
    return list(lines.values_list("effective_from", flat=True))


def test_a_rise_waits_for_a_day_and_a_fall_for_a_minute() -> None:
    read(row("input_tokens", "2"), row("output_tokens", "8"))
    read(row("input_tokens", "2.2"), row("output_tokens", "7"), at=DAY2)
    assert starts() == [None, DAY2 + DAY]
    assert starts("output_tokens") == [None, DAY2 + MINUTE]
    assert [cost(at) for at in (DAY2 + MINUTE, DAY2 + DAY - MINUTE, DAY2 + DAY)] == [2, 2, Decimal("2.2")]
    old = PriceLine.objects.get(meter="input_tokens", price=2)
    assert old.effective_to == DAY2 + DAY


def test_the_operator_sets_the_notice() -> None:
    rises_after(72)
    read(row("input_tokens", "2"))
    read(row("input_tokens", "2.2"), at=DAY2)
    assert starts()[-1] == DAY2 + 3 * DAY


def test_an_approved_rise_waits_too_and_an_approved_fall_does_not() -> None:
    read(row("input_tokens", "2"), row("output_tokens", "8"))
    read(row("input_tokens", "3"), row("output_tokens", "4"), at=DAY2)
    for line in PriceLine.objects.filter(status="pending"):
        price_approve(line_id=line.pk, by="a test", now=DAY2)
    assert starts() == [None, DAY2 + DAY]
    assert starts("output_tokens") == [None, DAY2 + MINUTE]


def test_none_counts_before_upstreams_own_date() -> None:
    first_of_december = datetime(2026, 12, 1, tzinfo=UTC)
    read(row("input_tokens", "2"))
    read(row("input_tokens", "2"), row("input_tokens", "1.8", upstream_from=date(2026, 12, 1)), at=DAY2)
    assert starts(upstream_from=date(2026, 12, 1)) == [first_of_december]
    # A date that comes too soon to tell customers of a rise gives way to the notice.
    late = first_of_december - timedelta(hours=2)
    read(
        row("input_tokens", "2"),
        row("input_tokens", "1.8", upstream_from=date(2026, 12, 1)),
        row("input_tokens", "2.1", upstream_from=date(2026, 12, 2)),
        at=late,
    )
    assert starts(upstream_from=date(2026, 12, 2)) == [datetime(2026, 12, 2, tzinfo=UTC)]
    read(
        row("input_tokens", "2"),
        row("input_tokens", "1.8", upstream_from=date(2026, 12, 1)),
        row("input_tokens", "2.1", upstream_from=date(2026, 12, 2)),
        row("input_tokens", "2.2", upstream_from=date(2026, 12, 3)),
        at=datetime(2026, 12, 2, 20, tzinfo=UTC),
    )
    assert starts(upstream_from=date(2026, 12, 3)) == [datetime(2026, 12, 3, 20, tzinfo=UTC)]
    midnights = [datetime(2026, 12, day, 12, tzinfo=UTC) for day in (1, 2, 3, 4)]
    assert [cost(at) for at in midnights] == [Decimal("1.8"), Decimal("2.1"), Decimal("2.1"), Decimal("2.2")]


def test_a_dearer_variant_is_a_rise_and_a_cheaper_one_is_not() -> None:
    read(row("input_tokens", "2"))
    priority = (("tier", "priority"),)
    read(
        row("input_tokens", "2"), row("input_tokens", "3", dims=priority), row("input_tokens", "1", dims=BATCH), at=DAY2
    )
    assert starts(dims_key="tier=priority") == [DAY2 + DAY]
    assert starts(dims_key="tier=batch") == [DAY2 + MINUTE]


def test_a_better_source_that_is_dearer_is_a_rise() -> None:
    described = [ModelRow("acme", "m1", "M1", "text")]
    import_reading(Reading("bundled", "1", [row("input_tokens", "2"), row("output_tokens", "8")], described), now=DAY1)
    read(row("input_tokens", "4"), row("output_tokens", "4"), at=DAY2)
    assert starts(source="genai-prices") == [DAY2 + DAY]
    assert starts("output_tokens", source="genai-prices") == [DAY2 + MINUTE]
    assert [cost(at) for at in (DAY2 + MINUTE, DAY2 + DAY)] == [2, 4]


def test_one_rise_that_has_not_begun_delays_no_other_price() -> None:
    read(row("input_tokens", "2"), row("output_tokens", "8"))
    read(row("input_tokens", "2.2"), row("output_tokens", "8"), at=DAY2)
    later = DAY2 + timedelta(hours=1)
    read(row("input_tokens", "2.1"), row("output_tokens", "7"), at=later)
    assert starts("output_tokens")[-1] == later + MINUTE
    assert starts()[1:] == [DAY2 + DAY, DAY2 + DAY + timedelta(microseconds=1)]
    assert [cost(at) for at in (DAY2 + DAY - MINUTE, DAY2 + DAY + MINUTE)] == [2, Decimal("2.1")]


def test_the_same_price_in_another_unit_is_no_rise() -> None:
    read(row("input_tokens", "2"))
    report = read(replace(row("input_tokens", "4"), per=2_000_000), at=DAY2)
    assert (report.changed, report.unchanged) == (0, 1)
