from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.credits.units import rounded_nano
from billing.metering.split import largest_remainder

amounts = st.lists(st.decimals(min_value=0, max_value=10**6, places=15), min_size=1, max_size=8)


@given(amounts, st.booleans())
def test_shares_add_up_and_stay_within_one_of_the_exact_amount(exact: list[Decimal], up: bool) -> None:
    nano = rounded_nano(sum(exact, Decimal(0)), up=up)
    shares = largest_remainder(nano, exact)
    assert sum(shares) == nano
    assert all(abs(share - amount * 10**9) < 1 or len(exact) == 1 for share, amount in zip(shares, exact, strict=True))


@given(amounts)
def test_a_line_that_costs_nothing_pays_nothing(exact: list[Decimal]) -> None:
    nano = rounded_nano(sum(exact, Decimal(0)))
    shares = largest_remainder(nano, [*exact, Decimal(0)])
    assert shares[-1] == 0
    assert sum(shares) == nano


@given(st.integers(min_value=0, max_value=10**15), amounts)
def test_even_a_total_of_other_origin_is_shared_whole(nano: int, exact: list[Decimal]) -> None:
    assert sum(largest_remainder(nano, exact)) == nano


def test_the_largest_fraction_gets_what_is_missing_and_ties_go_to_the_first() -> None:
    third = Decimal("0.0000000003")
    assert largest_remainder(1, [third, Decimal("0.0000000005"), third]) == [0, 1, 0]
    half = Decimal("0.0000000005")
    assert largest_remainder(1, [half, half]) == [1, 0]


def test_no_lines_have_no_shares() -> None:
    assert largest_remainder(0, []) == []
