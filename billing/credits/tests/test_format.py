"""Amounts for people."""

from decimal import Decimal

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from billing.credits.format import (
    credit_rate_text,
    credits_text,
    dollars_text,
    exact_text,
    percent_text,
    rate_text,
    usd_text,
)
from billing.credits.units import MAX_NANO, NANO


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (-1, "−0.000000001"),
        (1_234, "0.0000012"),
        (63_000_000, "0.063"),
        (72_000_000, "0.072"),
        (100_000_000, "0.10"),
        (999_999_999, "1"),
        (NANO, "1"),
        (1_500_000_000, "1.50"),
        (12_403_928_000_000, "12,403.93"),
        (1_250 * NANO, "1,250"),
        (-4_523_500_000_000, "−4,523.50"),
        (MAX_NANO, "9,223,372,036.85"),
    ],
)
def test_credits_are_rounded_to_their_magnitude(nano: int, text: str) -> None:
    assert credits_text(nano) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "$0.00"),
        ("1250", "$1,250.00"),
        ("0.06", "$0.06"),
        ("0.00036", "$0.00036"),
        ("0.000000315", "$0.00000032"),
        ("-2.5", "−$2.50"),
        ("0.5", "$0.50"),
    ],
)
def test_dollars_keep_two_significant_digits(usd: str, text: str) -> None:
    assert dollars_text(Decimal(usd)) == text


@pytest.mark.parametrize(
    ("price", "dollars", "credits"),
    [
        ("0", "$0.00", "0"),
        ("0.00125", "$0.00125", "0.00125"),
        ("0.425", "$0.425", "0.425"),
        ("1.2", "$1.20", "1.20"),
        ("3", "$3.00", "3"),
        ("1234.5", "$1,234.50", "1,234.50"),
        ("0.83333333333", "$0.833333", "0.833333"),
    ],
)
def test_prices_of_a_unit_keep_the_digits_that_are_published(price: str, dollars: str, credits: str) -> None:
    assert rate_text(Decimal(price)) == dollars
    assert credit_rate_text(Decimal(price)) == credits


@pytest.mark.parametrize(
    ("percent", "text", "signed"),
    [
        ("20", "20%", "+20%"),
        ("12.5", "12.5%", "+12.5%"),
        ("3.25", "3.2%", "+3.2%"),
        ("-0.4", "−0.4%", "−0.4%"),
        ("0.04", "0.04%", "+0.04%"),
        ("100", "100%", "+100%"),
    ],
)
def test_percents(percent: str, text: str, signed: str) -> None:
    assert percent_text(Decimal(percent)) == text
    assert percent_text(Decimal(percent), signed=True) == signed


@given(st.integers(-MAX_NANO, MAX_NANO).filter(bool))
def test_an_amount_never_reads_as_nothing(nano: int) -> None:
    assert any(digit in "123456789" for digit in credits_text(nano))
    assert any(digit in "123456789" for digit in usd_text(nano, Decimal("0.005")))
    assert Decimal(exact_text(nano).replace(",", "").replace("−", "-")) * NANO == nano


def test_the_exact_text_shows_every_decimal() -> None:
    assert exact_text(12_403_928_000_001) == "12,403.928000001"
    assert exact_text(-NANO) == "−1"


def test_template_filters() -> None:
    template = Template(
        "{% load money %}{{ n|credits }} {{ n|usd:face }} {{ n|credits_exact }} {{ price|dollars }}[{{ none|credits }}]"
    )
    context = Context({"n": 2_000_500_000_000, "face": Decimal("0.005"), "price": Decimal("0.15"), "none": None})
    assert template.render(context) == "2,000.50 $10.00 2,000.5 $0.15[]"
