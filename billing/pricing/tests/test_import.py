"""Readings become lines: dated, guarded, never rewritten."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing.credits import clock
from billing.pricing.book import prices_for
from billing.pricing.models import CatalogModel, PriceImport, PriceLine
from billing.pricing.services import ImportReport, import_reading
from billing.pricing.sources import platform
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading
from billing.pricing.testing import rises_after
from billing.pricing.tests.builders import M, rated

pytestmark = pytest.mark.django_db

DAY1 = datetime(2026, 11, 1, 3, tzinfo=UTC)
DAY2 = DAY1 + timedelta(days=1)
MINUTE = timedelta(seconds=60)


@pytest.fixture(autouse=True)
def _rises_at_once(db: None) -> None:
    rises_after(0)


def row(meter: str, price: str, model: str = "m1", **fields: object) -> PriceRow:
    return PriceRow("acme", model, meter, "token", Decimal(price), M, **fields)  # type: ignore[arg-type]


def read(*rows: PriceRow, at: datetime = DAY1, models: Iterable[str] = (), **options: object) -> ImportReport:
    names = dict.fromkeys([*(each.model for each in rows), *models])
    described = [ModelRow("acme", name, name.upper(), "text") for name in names]
    return import_reading(Reading("genai-prices", "1", rows, described), now=at, **options)  # type: ignore[arg-type]


def cost(at: datetime, model: str = "m1", meter: str = "input_tokens") -> Decimal | str:
    prices = prices_for(f"acme/{model}")
    assert prices is not None
    rating = rated(prices, {meter: M}, at=at)
    return rating.problem or rating.usd


def test_the_first_lines_hold_since_ever() -> None:
    report = read(row("input_tokens", "2"), row("output_tokens", "8"))
    assert (report.added, report.applied) == (2, True)
    assert set(PriceLine.objects.values_list("effective_from", "effective_to")) == {(None, None)}
    assert cost(DAY1 - timedelta(days=400)) == 2


def test_a_new_price_counts_a_minute_after_its_import_and_history_keeps_the_old_one() -> None:
    read(row("input_tokens", "2"))
    report = read(row("input_tokens", "2.2"), at=DAY2)
    assert (report.changed, report.added) == (1, 0)
    assert [cost(at) for at in (DAY1, DAY2 + MINUTE - timedelta(seconds=1), DAY2 + MINUTE)] == [2, 2, Decimal("2.2")]
    old, new = PriceLine.objects.order_by("pk")
    assert (old.price, old.effective_to) == (2, DAY2 + MINUTE)
    assert (new.effective_from, new.effective_to) == (DAY2 + MINUTE, None)


def test_a_change_at_noon_splits_events_whatever_order_they_arrive_in() -> None:
    read(row("input_tokens", "2"))
    noon = DAY2.replace(hour=12)
    read(row("input_tokens", "2.4"), at=noon - MINUTE)
    before, after = noon - timedelta(minutes=1), noon + timedelta(minutes=1)
    assert [cost(at) for at in (after, before, after)] == [Decimal("2.4"), 2, Decimal("2.4")]


def test_a_better_source_that_begins_to_price_a_meter_does_not_reach_back() -> None:
    described = [ModelRow("acme", "m1", "M1", "text")]
    import_reading(Reading("bundled", "1", [row("input_tokens", "2")], described), now=DAY1)
    read(row("input_tokens", "4"), row("output_tokens", "8"), at=DAY2)
    assert [cost(at) for at in (DAY1, DAY2 + MINUTE - timedelta(seconds=1), DAY2 + MINUTE)] == [2, 2, 4]
    assert cost(DAY1, meter="output_tokens") == 8  # nobody had priced it


def test_a_lesser_source_changes_nothing_and_holds_since_ever() -> None:
    described = [ModelRow("acme", "m1", "M1", "text")]
    read(row("input_tokens", "4"))
    import_reading(Reading("bundled", "1", [row("input_tokens", "2")], described), now=DAY2)
    assert [cost(at) for at in (DAY1, DAY2 + 2 * MINUTE)] == [4, 4]
    assert PriceLine.objects.get(source="bundled").effective_from is None


def test_upstreams_own_date_is_waited_for() -> None:
    read(row("input_tokens", "2"), row("input_tokens", "1", upstream_from=date(2026, 12, 1)))
    assert cost(DAY1) == 2
    assert cost(datetime(2026, 11, 30, 23, 59, tzinfo=UTC)) == 2
    assert cost(datetime(2026, 12, 1, tzinfo=UTC)) == 1


def test_a_variant_that_appears_later_is_not_there_before() -> None:
    read(row("input_tokens", "2"))
    read(row("input_tokens", "2"), row("input_tokens", "1", dims=(("tier", "batch"),)), at=DAY2)
    prices = prices_for("acme/m1")
    assert prices is not None
    costs = [rated(prices, {"input_tokens": M}, {"tier": "batch"}, at=at).usd for at in (DAY1, DAY2 + MINUTE)]
    assert costs == [2, 1]


def test_the_same_reading_again_changes_nothing() -> None:
    read(row("input_tokens", "2"))
    again = read(row("input_tokens", "2"), at=DAY2)
    assert (again.noop, again.applied, again.unchanged) == (True, False, 1)
    assert PriceLine.objects.count() == 1
    assert PriceImport.objects.count() == 2


def test_a_broken_reading_changes_nothing_and_says_so() -> None:
    rows = [row(f"meter{number}", "2") for number in range(20)]
    read(*rows)
    report = read(*rows[:17], at=DAY2)
    assert report.abort == "3 of 20 lines vanished"
    assert PriceLine.objects.filter(effective_to=None).count() == 20
    assert PriceImport.objects.latest("pk").report["abort"] == report.abort
    assert read(*rows[:17], at=DAY2, vanish=Decimal("0.5")).retired == 3


def test_vanished_lines_are_closed_with_a_reason_and_never_deleted() -> None:
    rows = [row(f"meter{number}", "2") for number in range(10)]
    read(*rows)
    read(*rows[1:], at=DAY2)
    gone = PriceLine.objects.get(meter="meter0")
    assert (gone.effective_to, gone.reason) == (DAY2 + MINUTE, "vanished upstream")
    assert [cost(DAY2, meter="meter0"), cost(DAY2 + MINUTE, meter="meter0")] == [2, "unknown_meter"]
    read(*rows, at=DAY2 + timedelta(days=1))
    assert cost(DAY2 + timedelta(hours=1), meter="meter0") == "unknown_meter"
    assert cost(DAY2 + timedelta(days=1) + MINUTE, meter="meter0") == 2


def test_a_model_that_vanishes_retires_and_keeps_its_last_price() -> None:
    others = [row("input_tokens", "2", f"other{number}") for number in range(10)]
    read(row("input_tokens", "2"), *others)
    report = read(*others, at=DAY2)
    assert report.retired == 1
    assert CatalogModel.objects.get(model="m1").retired_at == DAY2
    assert cost(DAY2 + timedelta(days=9)) == 2
    again = read(*others, row("input_tokens", "1", "new"), at=DAY2 + timedelta(days=1))
    assert (again.retired, again.abort) == (0, "")
    read(*others, row("input_tokens", "2"), at=DAY2 + timedelta(days=2))
    assert CatalogModel.objects.get(model="m1").retired_at is None


def test_a_model_that_another_source_goes_on_selling_follows_that_one() -> None:
    others = [row("input_tokens", "2", f"other{number}") for number in range(20)]
    read(row("input_tokens", "2"), row("output_tokens", "8"), *others)
    described = [ModelRow("acme", "m1", "M1", "text")]
    import_reading(Reading("bundled", "1", [row("input_tokens", "3")], described), now=DAY1)
    rises_after(24)
    assert read(*others, at=DAY2).retired == 2
    follows = DAY2 + timedelta(hours=24)
    assert [cost(at) for at in (DAY2, follows - MINUTE, follows)] == [2, 2, 3]
    assert cost(DAY2 + timedelta(days=9), meter="output_tokens") == 8  # nobody else has it: it stays
    assert CatalogModel.objects.get(model="m1").retired_at is None
    again = read(*others, row("input_tokens", "1", "new"), at=DAY2 + timedelta(days=1))
    assert (again.retired, again.abort) == (0, "")
    read(row("input_tokens", "2"), row("output_tokens", "8"), *others, at=DAY2 + timedelta(days=2))
    assert set(PriceLine.objects.filter(model="m1", effective_to=None).values_list("reason", flat=True)) == {""}


def test_a_jump_waits_while_the_old_price_stays() -> None:
    read(row("input_tokens", "2"), row("output_tokens", "0"))
    report = read(row("input_tokens", "3"), row("output_tokens", "0"), at=DAY2)
    assert (report.held, report.changed) == (2, 0)
    assert sorted(PriceLine.objects.filter(status="pending").values_list("meter", "reason")) == [
        ("input_tokens", "jump of +50%"),
        ("output_tokens", "new, price zero"),
    ]
    assert cost(DAY2 + timedelta(days=5)) == 2
    assert cost(DAY2, meter="output_tokens") == "unknown_meter"


def test_a_newer_reading_replaces_what_waits() -> None:
    read(row("input_tokens", "2"))
    read(row("input_tokens", "3"), at=DAY2)
    read(row("input_tokens", "4"), at=DAY2 + timedelta(days=1))
    assert [line.price for line in PriceLine.objects.filter(status="pending")] == [4]
    read(row("input_tokens", "2.1"), at=DAY2 + timedelta(days=2))
    assert not PriceLine.objects.filter(status="pending").exists()
    assert PriceLine.objects.filter(reason="superseded by a newer import").count() == 2


def test_two_imports_at_one_instant_do_not_collide() -> None:
    for price in ("2", "2.1", "2.2"):
        read(row("input_tokens", price))
    assert PriceLine.objects.filter(effective_to=None).count() == 1
    assert cost(DAY1 + 2 * MINUTE) == Decimal("2.2")


def test_the_platforms_own_prices_include_free_ones() -> None:
    report = import_reading(platform.read(), now=DAY1)
    assert (report.added, report.held) == (15, 0)
    prices = prices_for("")
    assert prices is not None
    usage = {"messages": 1, "call_minutes": 1, "container_days": 1, "deployments": 1, "storage_gb_days": 1}
    rating = rated(prices, {**usage, "static_messages": 7, "api_calls": 1, "function_calls": 1, "logic_steps": 1})
    assert [str(line.usd) for line in rating.lines[:5]] == ["0.005", "0.05", "0.67", "0.5", "0.01"]
    assert [line.usd for line in rating.lines[5:]] == [0, 0, 0, 0]
    assert rated(prices, {"voice_clones": 1}).problem == "unknown_meter"  # of which tier?
    assert rated(prices, {"voice_clones": 1}, {"tier": "instant"}).usd == 1


def test_a_changed_name_is_taken_over_and_another_source_does_not_rename() -> None:
    read(row("input_tokens", "2"))
    other = Reading("bundled", "1", [replace(row("images", "1"), unit="image")], [ModelRow("acme", "m1", "x", "image")])
    import_reading(other, now=DAY1)
    model = CatalogModel.objects.get(model="m1")
    assert (model.name, model.modality) == ("M1", "text")
    assert cost(DAY1, meter="images") == 1_000_000 / M


def test_one_open_line_per_price_is_kept_by_the_database() -> None:
    read(row("input_tokens", "2"))
    line = PriceLine.objects.get()
    line.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        line.save(force_insert=True)


def test_without_a_time_the_clock_is_read() -> None:
    with clock.at(DAY1):
        read(row("input_tokens", "2"), at=None)  # type: ignore[arg-type]
    assert PriceImport.objects.get().at == DAY1
