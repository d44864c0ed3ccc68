"""Everything about one model."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.credits import clock
from billing.pricing.approvals import markup_add
from billing.pricing.detail import canonical, model_detail
from billing.pricing.models import CatalogModel, PriceLine
from billing.pricing.services import changed, import_reading
from billing.pricing.testing import demo_reading, import_demo_prices, rises_after
from billing.pricing.tests.builders import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demo(db: None) -> None:
    with clock.at(NOON):
        import_demo_prices()


def test_prices_say_where_they_come_from_and_when_that_was_read() -> None:
    import_reading(demo_reading("genai-prices"), now=NOON + timedelta(days=1))  # nothing new, but read
    detail = model_detail("gpt-4o-mini", now=NOON + timedelta(days=2))
    assert detail is not None
    (origin,) = detail.origins
    assert (origin.source, origin.version, origin.read_at) == ("genai-prices", "demo", NOON + timedelta(days=1))
    assert {detail.origin_of[price.price_id] for price in detail.listing.prices} == {origin}
    assert detail.first_read == NOON
    assert detail.past == detail.ahead == ()


def test_names_are_those_that_lead_here() -> None:
    CatalogModel.objects.create(provider="azure", model="gpt-4o-mini-2024-07-18", name="x", modality="text")
    changed()
    detail = model_detail("gpt-4o-mini")
    assert detail is not None
    assert detail.names == (
        "openai/gpt-4o-mini",
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
        "openai/gpt-4o-mini-2024-07-18",
    )
    CatalogModel.objects.create(provider="other", model="gpt-4o-mini", name="x", modality="text", by_maker=True)
    changed()
    detail = model_detail("openai/gpt-4o-mini")
    assert detail is not None
    assert "gpt-4o-mini" not in detail.names  # it might mean the other one now
    assert canonical("gpt-4o-mini") == canonical("nothing") == canonical("") == ""


def test_history_is_past_and_ahead() -> None:
    rises_after(0)
    reading = demo_reading("genai-prices")
    dearer = [
        replace(row, price=Decimal("2.75")) if (row.model, row.meter) == ("gpt-4o", "input_tokens") else row
        for row in reading.rows
    ]
    import_reading(replace(reading, rows=dearer), now=NOON + timedelta(days=3))
    with clock.at(NOON + timedelta(days=4)):
        markup_add(percent=Decimal(10), by="test", provider="openai", effective_from=NOON + timedelta(days=30))
        detail = model_detail("openai/gpt-4o")
    assert detail is not None
    (change,) = detail.past
    assert (change.price.meter, change.percent) == ("input_tokens", 10)
    assert change.at == NOON + timedelta(days=3, minutes=1)
    assert [change.percent for change in detail.ahead] == [10, 10, 10]
    assert {change.at for change in detail.ahead} == {NOON + timedelta(days=30)}


def test_the_same_model_at_other_sellers() -> None:
    CatalogModel.objects.filter(model="gpt-4o").update(model="openai/gpt-4o-mini", provider="acme", by_maker=False)
    changed()
    detail = model_detail("openai/gpt-4o-mini")
    assert detail is not None
    assert [row.ref for row in detail.elsewhere] == []  # it has no price, so it is not on the list
    PriceLine.objects.filter(model="gpt-4o").update(model="openai/gpt-4o-mini", provider="acme")
    changed()
    detail = model_detail("openai/gpt-4o-mini")
    assert detail is not None
    assert [row.ref for row in detail.elsewhere] == ["acme/openai/gpt-4o-mini"]


def test_nothing_is_said_of_a_model_that_is_not_known() -> None:
    assert model_detail("acme/none") is None
    assert model_detail("") is None
