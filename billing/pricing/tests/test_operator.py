"""The operator's own prices: entered, taken over, replaced, retired; history stays as it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.pricing.book import prices_for
from billing.pricing.models import CatalogModel, PriceLine
from billing.pricing.operator import Wish, model_add, price_check, price_retire, price_set
from billing.pricing.services import import_reading
from billing.pricing.sources import platform, shipped
from billing.pricing.sources.rows import ModelRow, Reading
from billing.pricing.testing import rises_after
from billing.pricing.tests.builders import M, rated
from billing.pricing.tests.test_import import DAY1, DAY2, MINUTE, cost, read, row

pytestmark = pytest.mark.django_db
DAY = timedelta(hours=24)
BATCH = row("input_tokens", "1", dims=(("tier", "batch"),))


def wish(price: str = "1.5", **fields: Any) -> Wish:
    usual = {"provider": "acme", "model": "m1", "meter": "input_tokens", "per": M}
    return Wish(**{**usual, "price": Decimal(price), **fields})


def enter(price: str = "1.5", *, now: datetime = DAY2, **fields: Any) -> PriceLine:
    return price_set(wish(price, **fields), by="olga", now=now)


def wrong(price: str = "1.5", **fields: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as problem:
        price_check(wish(price, **fields), now=DAY2)
    return problem.value.message_dict


@pytest.fixture
def _catalogue(db: None) -> None:
    read(row("input_tokens", "2"), row("output_tokens", "8"), BATCH)


@pytest.mark.usefixtures("_catalogue")
class TestEntering:
    def test_it_wins_over_every_catalogue_a_minute_later_and_history_stays(self) -> None:
        line = enter("1.5")
        assert (line.source, line.effective_from, line.imported) == ("operator", DAY2 + MINUTE, None)
        assert [cost(at) for at in (DAY1, DAY2 + MINUTE - timedelta(seconds=1), DAY2 + MINUTE)] == [
            *(2, 2, Decimal("1.5"))
        ]
        read(
            row("input_tokens", "2.1"),
            row("output_tokens", "8"),
            row("input_tokens", "1", dims=(("tier", "batch"),)),
            at=DAY2,
        )
        assert cost(DAY2 + 9 * DAY) == Decimal("1.5")
        entry = AuditEntry.objects.get(action="price.entered")
        assert (entry.actor_label, entry.after["price"]) == ("olga", "1.5 per 1000000")

    def test_other_variants_of_the_meter_are_taken_over_as_they_are(self) -> None:
        entry = price_check(wish(), now=DAY2)
        assert [(line.dims, line.price) for line in entry.taken_over] == [({"tier": "batch"}, 1)]
        enter("1.5")
        taken = PriceLine.objects.get(source="operator", dims_key="tier=batch")
        assert (taken.price, taken.effective_from, taken.reason) == (1, DAY2 + MINUTE, "taken over from genai-prices")
        prices = prices_for("acme/m1")
        assert prices is not None
        later = DAY2 + DAY
        costs = [rated(prices, {"input_tokens": M}, variant, at=later).usd for variant in ({}, {"tier": "batch"})]
        assert costs == [Decimal("1.5"), 1]
        assert price_check(wish("1.4"), now=later).taken_over == []

    def test_a_later_price_closes_the_one_before(self) -> None:
        first = enter("1.5")
        noon = (DAY2 + DAY).replace(hour=12)
        second = enter("1.2", now=DAY2 + timedelta(hours=1), effective_from=noon)
        first.refresh_from_db()
        assert first.effective_to == second.effective_from == noon
        assert [cost(at) for at in (noon - MINUTE, noon)] == [Decimal("1.5"), Decimal("1.2")]

    def test_a_rise_waits_for_the_notice_unless_customers_know(self) -> None:
        assert enter("1.5").effective_from == DAY2 + MINUTE
        later = DAY2 + timedelta(hours=2)
        assert price_check(wish("3"), now=later).starts == later + DAY
        soon = wrong("3", effective_from=DAY2 + timedelta(hours=3))
        assert "dearer than what is charged" in soon["effective_from"][0]
        told = price_check(wish("3", effective_from=later + timedelta(hours=1), customers_told=True), now=later)
        assert told.starts == later + timedelta(hours=1)
        rises_after(0)
        assert price_check(wish("3"), now=later).starts == later + MINUTE

    def test_a_price_before_one_that_is_entered_already_is_refused(self) -> None:
        enter("1.5", effective_from=DAY2 + 3 * DAY)
        assert "entered already" in wrong("1.4")["effective_from"][0]

    def test_what_is_wrong_is_said_by_the_field(self) -> None:
        found = wrong("-1", per=0, meter="tokns", variant="resolutoin=4k", model="m2")
        assert set(found) == {"price", "per", "meter", "variant", "model"}
        assert wrong(unit="second")["unit"] == ["Input tokens are counted by the token, not by the second."]
        assert wrong(meter="messages")["meter"] == ["Messages are counted without a model."]
        assert wrong(model="")["meter"] == ["Input tokens need a model."]
        assert "fifteen behind it" in wrong("0.0000000000000001")["price"][0]
        assert "zero or more" in wrong("NaN")["price"][0]
        past = wrong(effective_from=DAY2 - timedelta(hours=2))
        assert past["effective_from"] == ["That is over: a price never changes for what was used before."]
        assert PriceLine.objects.filter(source="operator").count() == 0

    def test_an_instant_that_passed_while_the_form_lay_open_means_now(self) -> None:
        assert enter("1.5", effective_from=DAY2 - timedelta(minutes=30)).effective_from == DAY2 + MINUTE

    def test_the_first_price_of_a_meter_holds_since_ever(self) -> None:
        assert enter("1", meter="images", per=1).effective_from is None
        assert cost(DAY1 - 300 * DAY, meter="images") == M
        dated = enter("1", meter="pages", per=1, effective_from=DAY2 + DAY)
        assert dated.effective_from == DAY2 + DAY

    def test_a_free_price_is_a_price(self) -> None:
        enter("0")
        assert cost(DAY2 + DAY) == 0


@pytest.mark.usefixtures("_catalogue")
class TestRetiring:
    def test_the_catalogues_prices_hold_again_all_variants_and_after_the_notice_if_one_is_dearer(self) -> None:
        line = enter("1.5")
        later = DAY2 + timedelta(hours=5)
        ended = price_retire(line_id=line.pk, by="olga", now=later)
        assert {(each.dims_key, each.effective_to, each.reason) for each in ended} == {
            ("", later + DAY, "retired by the operator"),
            ("tier=batch", later + DAY, "retired by the operator"),
        }
        assert [cost(at) for at in (later + DAY - MINUTE, later + DAY)] == [Decimal("1.5"), 2]
        assert AuditEntry.objects.get(action="price.retired").before == {
            "prices": ["tier=batch 1 per 1000000", "1.5 per 1000000"]
        }

    def test_one_that_is_followed_by_a_cheaper_price_ends_in_a_minute(self) -> None:
        line = enter("3", customers_told=True)
        (_, ended) = price_retire(line_id=line.pk, by="olga", now=DAY2 + DAY)
        assert ended.effective_to == DAY2 + DAY + MINUTE

    def test_one_that_has_not_begun_is_withdrawn_and_the_one_before_goes_on(self) -> None:
        first = enter("1.5")
        second = enter("1.2", now=DAY2 + timedelta(hours=1), effective_from=DAY2 + 3 * DAY)
        batch = PriceLine.objects.get(dims_key="tier=batch", source="operator")
        with pytest.raises(ValidationError, match="retire it first"):
            price_retire(line_id=batch.pk, by="olga", now=DAY2 + DAY)
        (gone,) = price_retire(line_id=second.pk, by="olga", now=DAY2 + DAY)
        first.refresh_from_db()
        assert (gone.status, first.effective_to) == ("rejected", None)
        assert cost(DAY2 + 9 * DAY) == Decimal("1.5")

    def test_what_was_taken_over_for_a_price_that_never_begins_goes_with_it(self) -> None:
        line = enter("1.5", effective_from=DAY2 + 3 * DAY)
        assert len(price_retire(line_id=line.pk, by="olga", now=DAY2 + DAY)) == 2
        assert cost(DAY2 + 9 * DAY) == 2
        assert not PriceLine.objects.filter(source="operator", status="active").exists()

    def test_others_follow_their_source(self) -> None:
        with pytest.raises(ValidationError, match="Only the operator's own"):
            price_retire(line_id=PriceLine.objects.filter(source="genai-prices")[0].pk, by="olga")
        line = enter("1.5")
        price_retire(line_id=line.pk, by="olga", now=DAY2 + DAY)
        with pytest.raises(ValidationError, match="ends at"):
            price_retire(line_id=line.pk, by="olga", now=DAY2 + DAY)


class TestShipped:
    def test_a_shipped_price_wins_over_catalogues_and_an_entered_one_over_it_for_good(self) -> None:
        described = [ModelRow("elevenlabs", "eleven_v3", "Eleven v3", "speech")]
        theirs = replace(row("input_characters", "80", "eleven_v3"), provider="elevenlabs", unit="character")
        import_reading(Reading("bundled", "1", [theirs], described), now=DAY1)
        import_reading(shipped.read(), now=DAY1)
        assert self.cost(DAY1 + 2 * DAY) == Decimal("0.10")
        enter("0.11", provider="elevenlabs", model="eleven_v3", meter="input_characters", per=1000, customers_told=True)
        newer = shipped.read()
        rows = [replace(r, price=r.price * 2) for r in newer.rows]
        import_reading(Reading("shipped", "next year", rows, newer.models), now=DAY2 + DAY, jump=Decimal(9))
        assert self.cost(DAY2 + 9 * DAY) == Decimal("0.11")

    @staticmethod
    def cost(at: datetime) -> Decimal:
        prices = prices_for("elevenlabs/eleven_v3")
        assert prices is not None
        return rated(prices, {"input_characters": 1000}, at=at).usd

    def test_the_platforms_own_meters_are_changed_without_a_model(self) -> None:
        import_reading(platform.read(), now=DAY1)
        line = enter("0.004", provider="", model="", meter="messages", per=1)
        assert (line.provider, line.model) == ("platform", "")
        clone = enter(
            "2", provider="", model="", meter="voice_clones", per=1, variant="tier=instant", customers_told=True
        )
        prices = prices_for("")
        assert prices is not None
        at = DAY2 + DAY
        assert rated(prices, {"messages": 1}, at=at).usd == Decimal("0.004")
        assert rated(prices, {"voice_clones": 1}, {"tier": "instant"}, at=at).usd == clone.price
        assert rated(prices, {"voice_clones": 1}, {"tier": "professional"}, at=at).usd == 50


class TestModels:
    def test_a_model_of_ones_own_is_priced_and_charged(self) -> None:
        with clock.at(DAY1):
            made = model_add(provider="Acme", model="brain-2", name="Brain 2", modality="text", by="olga")
        assert (made.provider, made.source) == ("acme", "operator")
        enter("2", model="brain-2")
        assert cost(DAY1, model="brain-2") == 2
        assert AuditEntry.objects.filter(action="price.model").count() == 1

    def test_what_is_wrong_is_said(self) -> None:
        CatalogModel.objects.create(provider="acme", model="m1", name="M1", modality="text")
        with pytest.raises(ValidationError) as problem:
            model_add(provider="platform", model="a b", name=" ", modality="smell", by="olga")
        assert set(problem.value.message_dict) == {"provider", "model", "name", "modality"}
        with pytest.raises(ValidationError, match="There is a model acme/M1 already"):
            model_add(provider="acme", model="M1", name="M1", modality="text", by="olga")

    def test_an_import_does_not_retire_it(self) -> None:
        model_add(provider="acme", model="own", name="Own", modality="text", by="olga")
        read(row("input_tokens", "2"))
        read(row("input_tokens", "2"), row("output_tokens", "2"), at=datetime(2026, 11, 9, tzinfo=UTC))
        assert CatalogModel.objects.get(model="own").retired_at is None
