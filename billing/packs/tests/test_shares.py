"""Parts of a purchase add up, whatever they are."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.credits.units import NANO
from billing.packs.shares import money_of, percent_of, share, unit_price

amounts = st.integers(1, 10**9)
nanos = st.integers(0, 10**16)


@given(nanos, amounts, st.lists(st.integers(0, 10**9), max_size=6))
def test_shares_of_a_sum_add_up_to_exactly_the_whole(credits: int, amount: int, cuts: list[int]) -> None:
    ends = sorted({min(cut, amount) for cut in cuts} | {0, amount})
    parts = [share(credits, after, amount) - share(credits, before, amount) for before, after in pairwise(ends)]
    assert sum(parts) == credits
    assert all(part >= 0 for part in parts)


@given(amounts, st.integers(1, 10**16), nanos)
def test_the_worth_of_what_is_left_takes_no_more_than_that(amount: int, credits: int, unspent: int) -> None:
    money = money_of(amount, unspent, credits)
    assert 0 <= money <= amount
    assert share(credits, money, amount) <= max(min(unspent, credits), 0)
    assert money_of(amount, credits, credits) == amount


@given(amounts, st.integers(1, 99))
def test_a_percentage_is_rounded_half_up(price: int, percent: int) -> None:
    off = percent_of(price, percent)
    assert abs(Decimal(price) * percent / 100 - off) <= Decimal("0.5")
    assert 0 <= off <= price


def test_figures() -> None:
    assert percent_of(4_990, 15) == 749  # 748.5
    assert share(10_500 * NANO, 1_000, 5_000) == 2_100 * NANO
    assert money_of(5_000, 6_000 * NANO, 10_000 * NANO) == 3_000
    assert unit_price(Decimal("42.02"), 10_000 * NANO) == Decimal("0.004202000000")
    for part, whole in ((6, 5), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="no part"):
            share(1, part, whole)
