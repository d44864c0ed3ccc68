"""Catalogues that nobody should believe: each is refused whole, recorded, and changes no price."""

import json
from dataclasses import replace
from decimal import Decimal
from time import monotonic

import pytest

from billing.pricing.models import CatalogModel, PriceImport, PriceLine, PriceSource
from billing.pricing.services import NOTICE, ImportReport, import_reading
from billing.pricing.sources import FETCHED, SOURCES, litellm, understood
from billing.pricing.sources import read as read_source
from billing.pricing.sources.openrouter import read_texts
from billing.pricing.sources.rows import MOST_ROWS, ModelRow, Reading, SourceError, impossible
from billing.pricing.tests.test_import import DAY1, DAY2, read, row

pytestmark = pytest.mark.django_db
FINE = row("input_tokens", "2")


def says(**entry: object) -> str:
    return json.dumps({"m1": {"mode": "chat", "litellm_provider": "acme", **entry}})


def litellm_read(text: str) -> ImportReport:
    return import_reading(understood(lambda: litellm.read_file(text)), now=DAY2)


@pytest.mark.parametrize(
    "bad",
    [
        row("input_tokens", "1e9"),
        row("input_tokens", "1e400"),
        row("input_tokens", "-1"),
        row("input_tokens", "NaN"),
        row("input_tokens", "Infinity"),
        replace(FINE, per=0),
        replace(FINE, per=10**19),
        replace(FINE, model="a\x00b"),
        replace(FINE, model="a\ud800b"),
        replace(FINE, model="m" * 201),
        replace(FINE, provider="p" * 81),
        replace(FINE, dims=(("size", "9" * 200),)),
    ],
    ids=lambda bad: f"{str(bad.price)[:9]} {str(bad.per)[:9]} {bad.model[:4]!a}",
)
def test_what_no_column_holds_is_no_price(bad: object) -> None:
    read(FINE)
    other = row("output_tokens", "8")
    report = read(FINE, other, bad, at=DAY2)  # type: ignore[arg-type]
    assert report.error
    assert not report.applied
    assert PriceLine.objects.count() == 1
    assert PriceSource.objects.get(name="genai-prices").error == report.error
    assert PriceImport.objects.latest("pk").report["error"] == report.error


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in FETCHED])
def test_nothing_is_wrong_with_what_comes_with_purser(name: str) -> None:
    assert impossible(read_source(name)) == ""


def test_names_of_models_are_looked_at_as_well() -> None:
    described = ModelRow("acme", "m1", "M" * 300, "text")
    assert "a name that cannot be" in import_reading(Reading("genai-prices", "1", [FINE], [described]), now=DAY1).error
    assert not CatalogModel.objects.exists()


@pytest.mark.parametrize("price", ["1e400", "1e12", "123456789012345678901234567890"])
def test_a_price_beyond_all_measure_in_a_file(price: str) -> None:
    report = litellm_read(says(input_cost_per_token=1).replace("1}", f"{price}}}"))
    assert "is none" in report.error
    assert not PriceLine.objects.exists()


@pytest.mark.parametrize("price", ["-1", '"5"', "true", "[]", "null"])
def test_what_is_no_number_is_left_out(price: str) -> None:
    with pytest.raises(SourceError, match="no price in it"):
        litellm.read_file(says(input_cost_per_token=1).replace("1}", f"{price}}}"))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e99999999999999999999", "[" * 100_000])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(SourceError):
        understood(lambda: litellm.read_file(says(input_cost_per_token=1).replace("1}", f"{text}}}")))


def test_the_last_of_two_entries_of_one_name_counts() -> None:
    twice = says(input_cost_per_token=1)[:-1] + ", " + says(input_cost_per_token=0.000002)[1:]
    assert litellm_read(twice).added == 1
    assert PriceLine.objects.get().price == 2


def test_a_context_of_another_size_than_any() -> None:
    tier = {"range": [0, 1], "input_cost_per_token": 0.000001}
    text = says(tiered_pricing=[tier, {**tier, "range": ["huge", 2]}])
    assert litellm_read(text.replace('"huge"', "1e300")).error
    assert not PriceLine.objects.exists()


def test_prices_of_openrouter_beyond_all_measure() -> None:
    model = {"id": "acme/m1", "pricing": {"prompt": "1e99", "completion": "0.1"}}
    reading = understood(lambda: read_texts({"/models": json.dumps({"data": [model]})}))
    assert "is none" in import_reading(reading, now=DAY1).error


def test_more_lines_than_any_catalogue_has() -> None:
    reading = Reading("genai-prices", "1", [FINE] * (MOST_ROWS + 1), [])
    assert "50,001 prices" in import_reading(reading, now=DAY1).error


def test_a_large_catalogue_is_written_well_within_the_notice() -> None:
    rows = [row("input_tokens", "2", f"m{number}") for number in range(10_000)]
    described = [ModelRow("acme", each.model, each.model, "text") for each in rows]
    import_reading(Reading("genai-prices", "1", rows, described), now=DAY1)
    began = monotonic()
    report = import_reading(
        Reading("genai-prices", "2", [replace(each, price=Decimal("1.9")) for each in rows], described), now=DAY2
    )
    assert report.changed == 10_000
    assert monotonic() - began < NOTICE.total_seconds() / 2
