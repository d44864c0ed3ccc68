"""Which line is in force: variants, context, time of day, dates, markups."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.pricing.tariff import MarkupPoint, ModelPrices, clean_variant
from billing.pricing.tests.builders import NOON, M, model, point, rated

VIDEO = model(
    point("video_seconds", "0.20", audio="no"),
    point("video_seconds", "0.40", audio="yes"),
    point("video_seconds", "0.40"),
    point("video_seconds", "0.60", resolution="4k"),
    point("video_seconds", "0.70", resolution="4k", audio="yes"),
    modality="video",
)


@pytest.mark.parametrize(
    ("variant", "usd"),
    [
        ({}, "0.40"),
        ({"audio": "no"}, "0.20"),
        ({"audio": "false"}, "0.20"),
        ({"resolution": "4K"}, "0.60"),
        ({"resolution": "4k", "audio": "on"}, "0.70"),
        ({"resolution": "4k", "audio": "no"}, "0.60"),  # the resolution decides before the sound
        ({"resolution": "8k"}, "0.40"),  # unknown: the plain price
        ({"colour": "red"}, "0.40"),
    ],
)
def test_video_is_priced_by_resolution_and_sound(variant: dict[str, str], usd: str) -> None:
    assert rated(VIDEO, {"video_seconds": 1}, variant).usd == Decimal(usd)


def test_images_need_the_variant_they_are_priced_by() -> None:
    images = model(
        point("images", "0.034", quality="medium", size="1024x1024"),
        point("images", "0.133", quality="high", size="1024x1024"),
        modality="image",
    )
    assert rated(images, {"images": 2}, {"quality": "High", "size": "1024-x-1024"}).usd == Decimal("0.266")
    unnamed = rated(images, {"images": 2}, {"quality": "ultra"})
    assert unnamed.problem == "unknown_meter"
    assert "quality=ultra" in unnamed.detail
    assert "quality=high, size=1024x1024" in unnamed.detail


def test_batch_and_service_tiers_are_one_dimension() -> None:
    prices = model(
        point("input_tokens", "2", M),
        point("input_tokens", "1", M, tier="batch"),
        point("input_tokens", "4", M, tier="priority"),
        point("output_tokens", "8", M),
    )
    for variant in ({"tier": "batch"}, {"batch": "true"}, {"processing": "batch"}):
        assert rated(prices, {"input_tokens": M, "output_tokens": M}, variant).usd == 9  # output has no batch price
    assert rated(prices, {"input_tokens": M}, {"service_tier": "priority"}).usd == 4
    assert rated(prices, {"input_tokens": M}, {"batch": "false"}).usd == 2
    assert clean_variant({"batch": True, "size": "1K"}) == {"tier": "batch", "size": "1k"}
    # A provider says "default" of a batch's request, too; and the order of a JSON object means nothing.
    for said, tier in (
        ({"tier": "priority", "batch": True}, "priority"),
        ({"batch": True, "service_tier": "default"}, "batch"),
        ({"batch": False, "service_tier": "flex", "speed": "fast"}, "flex"),
    ):
        assert clean_variant(said) == clean_variant(dict(reversed(said.items()))) == {"tier": tier}


def test_above_a_context_threshold_every_token_pays_the_higher_price() -> None:
    prices = model(
        point("input_tokens", "3", M),
        point("input_tokens", "6", M, context_over=200_000),
        point("output_tokens", "15", M),
        point("output_tokens", "22.5", M, context_over=200_000),
        point("input_tokens", "1.5", M, tier="batch"),
    )
    assert rated(prices, {"input_tokens": 200_000}).usd == Decimal("0.6")
    assert rated(prices, {"input_tokens": 200_001, "output_tokens": M}).usd == Decimal("1.200006") + Decimal("22.5")
    assert rated(prices, {"cached_input_tokens": 300_000}).usd == Decimal("1.8")  # cached tokens count as context
    assert rated(prices, {"input_tokens": 300_000}, {"tier": "batch"}).usd == Decimal("0.45")


@pytest.mark.parametrize(("hour", "minute", "usd"), [(0, 29, 1), (0, 30, 2), (16, 29, 2), (16, 30, 1), (23, 0, 1)])
def test_prices_by_time_of_day_are_read_in_utc(hour: int, minute: int, usd: int) -> None:
    prices = model(point("input_tokens", "1", M), point("input_tokens", "2", M, utc_window="00:30-16:30"))
    at = datetime(2026, 11, 20, hour, minute, tzinfo=UTC)
    assert rated(prices, {"input_tokens": M}, at=at).usd == usd
    elsewhere = at.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    assert rated(prices, {"input_tokens": M}, at=elsewhere).usd == usd


def test_a_window_may_cross_midnight() -> None:
    prices = model(point("input_tokens", "1", M), point("input_tokens", "2", M, utc_window="22:00-02:00"))
    by_hour = {
        hour: rated(prices, {"input_tokens": M}, at=NOON.replace(hour=hour)).usd for hour in (1, 2, 12, 21, 22, 23)
    }
    assert by_hour == {1: 2, 2: 1, 12: 1, 21: 1, 22: 2, 23: 2}


def test_an_event_before_a_change_pays_the_old_price() -> None:
    prices = model(
        point("input_tokens", "2", M, price_id=1, ends=NOON), point("input_tokens", "3", M, price_id=2, starts=NOON)
    )
    before, after = NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)
    for at, line in ((after, 2), (before, 1), (NOON, 2), (before, 1)):
        assert rated(prices, {"input_tokens": M}, at=at).lines[0].price_id == line


def test_a_later_upstream_date_replaces_the_earlier_price() -> None:
    start = date(2027, 1, 1)
    prices = model(
        point("input_tokens", "2", M),
        point("input_tokens", "1", M, upstream_from=start, starts=datetime(2027, 1, 1, tzinfo=UTC)),
    )
    assert rated(prices, {"input_tokens": M}).usd == 2
    assert rated(prices, {"input_tokens": M}, at=datetime(2027, 1, 1, tzinfo=UTC)).usd == 1
    assert [p.price for p in prices.current(datetime(2027, 2, 1, tzinfo=UTC))] == [1]


def test_the_highest_source_that_has_a_meter_decides_it() -> None:
    prices = model(
        point("images", "0.04", rank=5),
        point("input_tokens", "9", M, rank=5),
        point("input_tokens", "1", M, tier="batch", rank=5),
        point("input_tokens", "2", M, rank=10),
    )
    assert rated(prices, {"input_tokens": M, "images": 1}).usd == Decimal("2.04")
    assert rated(prices, {"input_tokens": M}, {"tier": "batch"}).usd == 2


def test_the_most_specific_markup_in_force_counts() -> None:
    later = NOON + timedelta(days=1)
    prices = ModelPrices(
        "acme",
        "m1",
        [point("images", "1")],
        (
            MarkupPoint(0, Decimal(20)),
            MarkupPoint(1, Decimal(10)),
            MarkupPoint(1, Decimal(30), later),
            MarkupPoint(2, Decimal(50), later + timedelta(days=1)),
        ),
    )
    costs = [rated(prices, {"images": 1}, at=NOON + timedelta(days=days)).usd for days in range(3)]
    assert costs == [Decimal("1.1"), Decimal("1.3"), Decimal("1.5")]


def test_only_real_combinations_are_kept() -> None:
    prices = model(point("images", "1"), point("images", "2", quality="hd"))
    for number in range(50):
        rated(prices, {"images": 1}, {"quality": f"q{number}", f"k{number}": "x"})
    assert len(prices._kept) == 1
