"""Sums of documents: rounded once per line, half up, and adding up whatever the numbers are."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.invoices.money import (
    LineInput,
    Tax,
    line_amount,
    minor_units,
    money_text,
    plain,
    priced,
    split,
    sums,
    tax_on,
    tax_share,
    unit_text,
)

percents = st.decimals(0, 100, places=4)
minors = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("quantity", "unit", "amount"),
    [(1, 10_000, 10_000), (200_000, Decimal("0.45"), 90_000), (3, Decimal("0.5"), 2), (1, Decimal("0.4999"), 0)],
)
def test_amounts_are_rounded_half_up(quantity: int, unit: Decimal, amount: int) -> None:
    assert line_amount(quantity, unit) == amount


@pytest.mark.parametrize(
    ("amount", "percent", "included", "tax"),
    [
        (10_000, "19", False, 1_900),
        (50, "1", False, 1),  # 0.5: up
        (49, "1", False, 0),
        (11_900, "19", True, 1_900),
        (100, "19", True, 16),  # 15.966…
        (10_000, "0", False, 0),
        (333, "8.875", False, 30),  # 29.55…
    ],
)
def test_tax_is_rounded_half_up_per_line(amount: int, percent: str, included: bool, tax: int) -> None:
    assert tax_on(amount, Tax("VAT", Decimal(percent), included=included)) == tax


@given(st.lists(st.tuples(minors, percents, st.integers(0, 100)), min_size=1, max_size=20), st.booleans())
def test_a_document_is_the_sum_of_its_lines(rows: list[tuple[int, Decimal, int]], included: bool) -> None:
    tax = Tax("VAT", Decimal(0), included=included)
    lines = [
        priced(
            LineInput("x", unit, discount=unit * off // 100, tax=Tax("VAT", percent, included=included)),
            tax,
        )
        for unit, percent, off in rows
    ]
    whole = sums(lines)
    assert whole.total == sum(each.net + each.tax for each in lines)
    assert whole.total == whole.subtotal - whole.discount + (0 if included else whole.tax)
    assert all(each.net >= 0 and each.tax >= 0 for each in lines)


@given(minors, percents)
def test_included_tax_leaves_what_the_rate_makes_again(gross: int, percent: Decimal) -> None:
    tax = tax_on(gross, Tax("VAT", percent, included=True))
    again = tax_on(gross - tax, Tax("VAT", percent))
    assert abs(again - tax) <= 1


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8), st.data())
def test_parts_add_up_and_stay_within_their_weights(weights: list[int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, sum(weights)))
    parts = split(amount, weights)
    assert sum(parts) == amount
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


@given(st.integers(1, 10**9), st.integers(0, 100), st.lists(st.integers(1, 10**8), max_size=10))
def test_however_it_is_cut_the_parts_have_exactly_the_tax(gross: int, percent: int, cuts: list[int]) -> None:
    tax = tax_on(gross, Tax("VAT", Decimal(percent), included=True))
    before = found = 0
    for part in [*cuts, gross]:
        part = min(part, gross - before)
        found += tax_share(tax=tax, gross=gross, before=before, part=part)
        before += part
    assert (before, found) == (gross, tax)


@pytest.mark.parametrize(
    "wrong",
    [
        LineInput("x", -1),
        LineInput("x", 1, quantity=-1),
        LineInput("x", 100, discount=101),
        LineInput("x", 100, discount=-1),
        LineInput("x", 100, credits=-1),
        LineInput("x", 10**16),
        LineInput("x", 100, tax=Tax("VAT", Decimal(-1))),
        LineInput("x", 100, tax=Tax("VAT", Decimal(1), included=True)),
        LineInput("x", 100, tax=Tax("VAT", Decimal(1), reverse_charge=True)),
        LineInput("x", 100, tax_amount=-1),
    ],
)
def test_what_no_line_can_be(wrong: LineInput) -> None:
    with pytest.raises(ValueError, match=r"."):
        priced(wrong, Tax())


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (123_450, "usd", "$1,234.50"),
        (-5, "eur", "−€0.05"),
        (1_235, "jpy", "¥1,235"),
        (123_450, "chf", "1,234.50 CHF"),
        (1_234_567, "kwd", "1,234.567 KWD"),
        (0, "usd", "$0.00"),
    ],
)
def test_money_for_people(minor: int, currency: str, text: str) -> None:
    assert money_text(minor, currency) == text


def test_unit_prices_are_shown_in_full() -> None:
    assert unit_text(Decimal("0.45"), "usd") == "$0.0045"
    assert unit_text(Decimal(10_000), "usd") == "$100.00"
    assert unit_text(Decimal("150.000"), "jpy") == "¥150"
    assert minor_units(Decimal("0.0045"), "usd") == Decimal("0.45")
    assert (plain(Decimal("200000.000000")), plain(Decimal("7.5000")), plain(Decimal("20"))) == ("200,000", "7.5", "20")
