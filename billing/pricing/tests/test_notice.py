"""When a price begins to count: a fall after a minute, a rise after the notice, none before upstream's own date."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.pricing.approvals import price_approve
from billing.pricing.book import prices_for
from billing.pricing.models import PriceLine
from billing.pricing.operator import Wish, price_check
from billing.pricing.services import import_reading
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading
from billing.pricing.testing import rises_after
from billing.pricing.tests.builders import M, rated
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


class TestWhileARiseWaits:
    """2 is charged; 2.2 was read on DAY2 and waits for a day. An hour later something else is read."""

    LATER = DAY2 + timedelta(hours=1)

    @pytest.fixture(autouse=True)
    def waiting(self, db: None) -> None:
        read(row("input_tokens", "2"), row("output_tokens", "8"))
        read(row("input_tokens", "2.2"), row("output_tokens", "8"), at=DAY2)

    def charged(self) -> list[tuple[str, datetime | None, datetime | None]]:
        lines = PriceLine.objects.filter(meter="input_tokens", status="active").order_by("effective_from", "pk")
        found = [(f"{line.price.normalize():f}", line.effective_from, line.effective_to) for line in lines]
        return sorted(found, key=lambda each: each[1] or DAY1)

    def test_a_fall_below_what_is_charged_counts_a_minute_later_and_the_rise_is_withdrawn(self) -> None:
        read(row("input_tokens", "1.8"), row("output_tokens", "8"), at=self.LATER)
        since = self.LATER + MINUTE
        assert self.charged() == [("2", None, since), ("1.8", since, None)]
        assert [cost(at) for at in (since - MINUTE, since, DAY2 + DAY)] == [2, Decimal("1.8"), Decimal("1.8")]
        assert PriceLine.objects.get(price="2.2").status == "rejected"

    def test_the_old_price_again_withdraws_it(self) -> None:
        read(row("input_tokens", "2"), row("output_tokens", "8"), at=self.LATER)
        assert {cost(at) for at in (self.LATER, self.LATER + MINUTE, DAY2 + DAY, DAY2 + 2 * DAY)} == {2}
        assert len(self.charged()) == 2

    def test_a_lesser_rise_counts_when_the_greater_one_was_announced(self) -> None:
        read(row("input_tokens", "2.1"), row("output_tokens", "7"), at=self.LATER)
        assert self.charged() == [("2", None, DAY2 + DAY), ("2.1", DAY2 + DAY, None)]
        assert starts("output_tokens")[-1] == self.LATER + MINUTE  # no other price is delayed

    def test_a_greater_rise_waits_for_its_own_notice(self) -> None:
        read(row("input_tokens", "2.4"), row("output_tokens", "8"), at=self.LATER)
        assert self.charged() == [
            ("2", None, DAY2 + DAY),
            ("2.2", DAY2 + DAY, self.LATER + DAY),
            ("2.4", self.LATER + DAY, None),
        ]

    def test_several_that_wait_are_overtaken_one_by_one(self) -> None:
        read(row("input_tokens", "2.4"), row("output_tokens", "8"), at=self.LATER)
        second = self.LATER + timedelta(hours=1)
        read(row("input_tokens", "2.3"), row("output_tokens", "8"), at=second)
        assert self.charged()[1:] == [("2.2", DAY2 + DAY, self.LATER + DAY), ("2.3", self.LATER + DAY, None)]
        read(row("input_tokens", "1.9"), row("output_tokens", "8"), at=second + timedelta(hours=1))
        since = second + timedelta(hours=1) + MINUTE
        assert self.charged() == [("2", None, since), ("1.9", since, None)]

    def test_one_that_begins_within_the_minute_is_not_withdrawn(self) -> None:
        at = DAY2 + DAY - timedelta(seconds=30)
        read(row("input_tokens", "1.8"), row("output_tokens", "8"), at=at)
        assert self.charged() == [
            ("2", None, DAY2 + DAY),
            ("2.2", DAY2 + DAY, at + MINUTE),
            ("1.8", at + MINUTE, None),
        ]

    def test_other_notice_hours_do_not_move_what_was_announced(self) -> None:
        rises_after(0)
        read(row("input_tokens", "2.1"), row("output_tokens", "8"), at=self.LATER)
        assert self.charged() == [("2", None, DAY2 + DAY), ("2.1", DAY2 + DAY, None)]

    def test_an_approved_fall_overtakes_it(self) -> None:
        read(row("input_tokens", "1"), row("output_tokens", "8"), at=self.LATER)  # held
        price_approve(line_id=PriceLine.objects.get(status="pending").pk, by="a test", now=self.LATER)
        since = self.LATER + MINUTE
        assert self.charged() == [("2", None, since), ("1", since, None)]

    def test_a_line_that_vanishes_takes_it_along(self) -> None:
        others = [row("input_tokens", "2", f"other{number}") for number in range(10)]
        batch = row("input_tokens", "1", dims=BATCH)
        read(row("input_tokens", "2.2"), row("output_tokens", "8"), batch, *others, at=self.LATER)
        dearer = row("input_tokens", "1.2", dims=BATCH)
        read(row("input_tokens", "2.2"), row("output_tokens", "8"), dearer, *others, at=self.LATER + 2 * DAY)
        at = self.LATER + 2 * DAY + timedelta(hours=1)
        read(row("input_tokens", "0.9"), row("output_tokens", "8"), dearer, *others, at=at, jump=Decimal(1))
        at += timedelta(hours=1)
        read(row("input_tokens", "0.9"), row("output_tokens", "8"), *others, at=at)
        lines = PriceLine.objects.filter(dims_key="tier=batch").order_by("pk")
        assert [(line.status, line.effective_to) for line in lines] == [("active", at + MINUTE), ("rejected", None)]


def priced(usage: dict[str, int], at: datetime, **variant: str) -> Decimal | str:
    prices = prices_for("acme/m1")
    assert prices is not None
    rating = rated(prices, usage, variant, at=at)
    return rating.problem or rating.usd


class TestWhatWasChargedInsideSomethingElse:
    """A price of its own for it is a change: it neither reaches back nor, where dearer, comes unannounced."""

    def test_a_part_that_gets_a_cheaper_price(self) -> None:
        read(row("input_tokens", "2"))
        read(row("input_tokens", "2"), row("cached_input_tokens", "0.5"), at=DAY2)
        cached = {"input_tokens": M, "cached_input_tokens": M}
        assert [priced(cached, at) for at in (DAY1, DAY2 + MINUTE)] == [2, Decimal("0.5")]

    def test_a_part_that_gets_a_dearer_price(self) -> None:
        read(row("input_tokens", "2"))
        read(row("input_tokens", "2"), row("input_audio_tokens", "8"), at=DAY2)
        assert starts("input_audio_tokens") == [DAY2 + DAY]

    def test_a_fee_for_each_request_is_a_rise(self) -> None:
        read(row("input_tokens", "2"))
        read(row("input_tokens", "2"), replace(row("requests", "1"), unit="request", per=1), at=DAY2)
        assert starts("requests") == [DAY2 + DAY]
        assert [priced({"input_tokens": M}, at) for at in (DAY1, DAY2 + MINUTE, DAY2 + DAY)] == [2, 2, 3]

    def test_what_was_paid_by_the_request_alone(self) -> None:
        fee = PriceRow("acme", "pics", "requests", "request", Decimal("0.04"), 1)
        image = PriceRow("acme", "pics", "images", "image", Decimal("0.05"), 1)
        described = [ModelRow("acme", "pics", "Pics", "image")]
        import_reading(Reading("genai-prices", "1", [fee], described), now=DAY1)
        import_reading(Reading("genai-prices", "2", [fee, image], described), now=DAY2)
        assert starts("images") == [DAY2 + DAY]

    def test_a_price_of_the_operators_own(self) -> None:
        read(row("input_tokens", "2"))
        wish = Wish(provider="acme", model="m1", meter="cached_input_tokens", price=Decimal("0.5"), per=M)
        assert price_check(wish, now=DAY2).starts == DAY2 + MINUTE
        fee = Wish(provider="acme", model="m1", meter="requests", price=Decimal(1), per=1)
        assert price_check(fee, now=DAY2).starts == DAY2 + DAY

    def test_while_purser_is_set_up_nothing_was_charged(self) -> None:
        read(row("input_tokens", "2"))
        read(row("input_tokens", "2"), row("cached_input_tokens", "0.5"), at=DAY1 + timedelta(minutes=5))
        assert starts("cached_input_tokens") == [None]


class TestVanishing:
    """A line that vanishes from a model that is still sold."""

    OTHERS = tuple(row("input_tokens", "2", f"other{number}") for number in range(12))

    def test_a_cheaper_variant_goes_after_the_notice(self) -> None:
        read(row("input_tokens", "2"), row("input_tokens", "1", dims=BATCH), *self.OTHERS)
        read(row("input_tokens", "2"), *self.OTHERS, at=DAY2)
        moments = (DAY2 + DAY - MINUTE, DAY2 + DAY)
        assert [priced({"input_tokens": M}, at, tier="batch") for at in moments] == [1, 2]

    def test_a_dearer_variant_goes_after_a_minute(self) -> None:
        read(row("input_tokens", "2"), row("input_tokens", "3", dims=(("tier", "priority"),)), *self.OTHERS)
        read(row("input_tokens", "2"), *self.OTHERS, at=DAY2)
        assert priced({"input_tokens": M}, DAY2 + MINUTE, tier="priority") == 2

    def test_a_part_is_charged_inside_its_whole_after_the_notice(self) -> None:
        read(row("input_tokens", "2"), row("cached_input_tokens", "0.5"), *self.OTHERS)
        read(row("input_tokens", "2"), *self.OTHERS, at=DAY2)
        cached = {"input_tokens": M, "cached_input_tokens": M}
        assert [priced(cached, at) for at in (DAY2 + DAY - MINUTE, DAY2 + DAY)] == [Decimal("0.5"), 2]

    def test_the_same_price_under_another_variant_leaves_no_gap(self) -> None:
        hd = (("quality", "hd"),)
        read(row("input_tokens", "2", dims=hd), row("output_tokens", "8"), *self.OTHERS)
        read(row("input_tokens", "3", dims=(*hd, ("size", "big"))), row("output_tokens", "8"), *self.OTHERS, at=DAY2)
        spent = [priced({"input_tokens": M}, at, quality="hd", size="big") for at in (DAY2 + MINUTE, DAY2 + DAY)]
        assert spent == [2, 3]
        assert priced({"input_tokens": M}, DAY2 + MINUTE, quality="hd") == 2


def test_the_same_price_in_another_unit_is_no_rise() -> None:
    read(row("input_tokens", "2"))
    report = read(replace(row("input_tokens", "4"), per=2_000_000), at=DAY2)
    assert (report.changed, report.unchanged) == (0, 1)
