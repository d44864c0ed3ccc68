"""What a line costs the operator: the published price, whatever the customer pays."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing.agreed import Terms
from billing.pricing.tariff import Upstream
from billing.pricing.tests.builders import M, model, point
from billing.pricing.tests.test_agreed import FIXED, HALF, MILLION, PLATFORM, discount, lines, override, schedule

PRICES = st.decimals(0, 10_000, places=15)
QUANTITIES = st.decimals(0, 10**6, places=9)
UNITS = st.sampled_from([1, 3, 7, 60, 1_000, 3_600, M])


@given(PRICES, QUANTITIES, UNITS)
def test_a_line_is_rounded_once_half_even(price: Decimal, quantity: Decimal, per: int) -> None:
    exact = Fraction(price) * Fraction(quantity) * 10**9 / per
    assert Upstream.of(price, per).nano(quantity) == round(exact)


@pytest.mark.parametrize(("quantity", "nano"), [("0.5", 0), ("1.5", 2), ("2.5", 2), ("2.500000001", 3)])
def test_halves_go_to_the_even_one(quantity: str, nano: int) -> None:
    assert Upstream.of(Decimal("0.000000001"), 1).nano(Decimal(quantity)) == nano
    assert Upstream.of(Decimal("0.000000003"), 3).nano(Decimal(quantity)) == nano


@pytest.mark.parametrize(
    "terms",
    [
        Terms(),
        Terms((FIXED,)),
        Terms((override(percent=5),)),
        Terms(discounts=(discount(100),)),
        Terms(schedules=(schedule(*HALF),)),
    ],
    ids=["list", "fixed price", "percent over cost", "discount", "step"],
)
def test_what_a_customer_agreed_on_changes_nothing(terms: Terms) -> None:
    assert sum(line.upstream for line in lines(terms, MILLION)) == 10 * 10**9


def test_what_is_included_costs_as_much() -> None:
    (line,) = lines(Terms(), MILLION, allowances={"input_tokens": M})
    assert (line.usd, line.upstream) == (0, 10 * 10**9)


def test_steps_divide_the_cost_of_a_line() -> None:
    steps = Terms(schedules=(schedule(*HALF, graduated=True),))
    found = lines(steps, MILLION, counted={"input_tokens": 0})
    assert sum(line.upstream for line in found) == 10 * 10**9


def test_the_platforms_own_meters_cost_nothing_unless_they_say_so() -> None:
    (line,) = lines(Terms(), {"messages": 3}, prices=PLATFORM)
    assert line.upstream == 0
    priced = model(point("messages", "0.004", platform=True, markup=Decimal(25)))
    (line,) = lines(Terms(), {"messages": 3}, prices=priced)
    assert (line.usd, line.upstream) == (Decimal("0.015"), 12_000_000)
