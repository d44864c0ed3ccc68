"""The list filtered by price, sorted and paged through."""

from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.pricing import selectors
from billing.pricing.agreed import Scope
from billing.pricing.agreements import override_add
from billing.pricing.approvals import markup_add
from billing.pricing.models import CatalogModel, PriceLine
from billing.pricing.selectors import SORTS, BadCursor, models_list
from billing.pricing.services import changed
from billing.pricing.terms import terms_for
from billing.pricing.testing import import_demo_prices
from billing.pricing.tests.builders import NOON

pytestmark = pytest.mark.django_db
MINI, BIG, SONNET = "openai/gpt-4o-mini", "openai/gpt-4o", "anthropic/claude-sonnet-4-5"


@pytest.fixture(autouse=True)
def _demo(db: None) -> None:
    import_demo_prices()


def refs(**asked: object) -> list[str]:
    return [row.ref for row in models_list(**asked).rows]  # type: ignore[arg-type]


def test_a_kind_is_bounded_by_the_price_of_its_unit() -> None:
    assert refs(modality="text", max_usd=Decimal("0.15")) == [MINI]
    assert refs(modality="text", min_usd=Decimal("0.16"), max_usd=Decimal("2.5")) == [BIG]
    assert refs(modality="transcription", max_usd=Decimal("0.0043")) == ["deepgram/nova-3"]  # a minute
    assert refs(modality="transcription", max_usd=Decimal("0.0042")) == []
    assert refs(modality="speech", min_usd=Decimal("0.04")) == ["elevenlabs/eleven_flash_v2_5"]  # 1,000 characters
    assert refs(modality="video", max_usd=Decimal("0.4")) == ["google/veo-3.1-generate-001"]  # a second


def test_all_kinds_are_bounded_by_a_typical_request() -> None:
    cheap = refs(max_usd=Decimal("0.0005"))
    assert cheap == [MINI, "openai/text-embedding-3-small"]


def test_a_model_sold_by_another_unit_than_its_kind_is_in_no_range() -> None:
    CatalogModel.objects.filter(model="gpt-4o").update(modality="image")
    changed()
    assert BIG in refs(modality="image")
    assert BIG not in refs(modality="image", min_usd=Decimal(0))
    assert refs(modality="image", sort="price")[-1] == BIG


def test_free_is_what_costs_nothing_in_any_way() -> None:
    assert refs(free=True) == []
    PriceLine.objects.filter(model="gpt-4o", meter="input_tokens").update(price=0)
    changed()
    assert refs(free=True) == []
    PriceLine.objects.filter(model="gpt-4o").update(price=0)
    changed()
    assert refs(free=True) == refs(max_usd=Decimal(0)) == [BIG]
    assert refs(free=True, modality="text", max_usd=Decimal(0)) == [BIG]


def test_sorting() -> None:
    CatalogModel.objects.filter(model="gpt-4o").update(by_maker=False)
    changed()
    assert refs(modality="text") == [SONNET, MINI, BIG]
    assert refs(modality="text", sort="name") == [SONNET, BIG, MINI]
    assert refs(modality="text", sort="price") == [MINI, BIG, SONNET]
    assert refs(modality="text", sort="-price") == [SONNET, BIG, MINI]
    assert refs(modality="text", sort="context") == [SONNET, MINI, BIG]
    costs = {("openai", "gpt-4o"): Decimal(1), ("openai", "gpt-4o-mini"): Decimal("1.5")}
    assert refs(modality="text", sort="cost", costs=costs) == [BIG, MINI, SONNET]  # what is not known comes last


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("modality", ["", "text"])
def test_pages_of_every_order_follow_each_other(sort: str, modality: str) -> None:
    costs = {card.key: Decimal(place % 2) for place, card in enumerate(selectors.shelf().cards) if place % 3}
    asked = {"sort": sort, "modality": modality, "costs": costs}
    everything, seen, cursor = refs(**asked), [], ""
    for _ in range(20):
        page = models_list(limit=2, cursor=cursor, **asked)  # type: ignore[arg-type]
        assert page.total == len(everything)
        seen += [row.ref for row in page.rows]
        cursor = page.next_cursor or ""
        if not cursor:
            break
    assert seen == everything
    assert len(set(seen)) == len(seen)


def test_a_cursor_stays_where_it_was_when_models_come_and_go() -> None:
    page = models_list(sort="name", limit=3)
    assert page.next_cursor
    rest = refs(sort="name", cursor=page.next_cursor)
    CatalogModel.objects.filter(name=page.rows[0].name).delete()
    changed()
    assert refs(sort="name", cursor=page.next_cursor) == rest


@pytest.mark.parametrize("sort", SORTS)
def test_a_cursor_of_another_order_is_refused(sort: str) -> None:
    cursor = models_list(sort=sort, limit=1).next_cursor
    assert cursor
    for other in SORTS:
        if other != sort:
            with pytest.raises(BadCursor):
                models_list(sort=other, cursor=cursor)


@pytest.mark.parametrize(
    "cursor", ["WyJuYW1lIixmYWxzZSwiYSIsdHJ1ZSx0cnVlLCJhIiwiYiJd", "W1sxXSwyLDMsNCw1LDYsN10", "W" * 4_000]
)
def test_a_cursor_that_nobody_made_is_refused(cursor: str) -> None:
    for sort in SORTS:
        with pytest.raises(BadCursor):
            models_list(sort=sort, cursor=cursor)


def test_an_alias_is_found() -> None:
    assert refs(search="2024-07-18") == [MINI]


def test_a_change_of_price_reorders_at_once() -> None:
    assert refs(modality="text", sort="price")[0] == MINI
    markup_add(percent=Decimal(5_000), by="test", provider="openai", model="gpt-4o-mini", since_ever=True)
    assert refs(modality="text", sort="price")[-1] == MINI


def test_a_customer_is_shown_and_sorted_what_it_pays(workspace: Workspace) -> None:
    with clock.at(NOON):
        override_add(
            workspace=workspace,
            scope=Scope("openai", "gpt-4o", "input_tokens"),
            by="test",
            price=Decimal("0.1"),
            per=1_000_000,
        )
    own = terms_for(workspace.pk)
    assert refs(modality="text", sort="price", terms=own) == [BIG, MINI, SONNET]
    assert refs(modality="text", sort="price") == [MINI, BIG, SONNET]
    assert refs(modality="text", max_usd=Decimal("0.1"), terms=own) == [BIG]
