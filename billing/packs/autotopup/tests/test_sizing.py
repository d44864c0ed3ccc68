"""The size of a charge: enough for the gap, never above a cap, and whole cents for whole credits."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.credits.units import NANO
from billing.packs.autotopup.sizing import LEAST_CENTS, Capped, Charge, Charged, Terms, cents_for, nano_per_cent, size

RATE = Decimal("0.005")
TEN = Terms(100 * NANO, 2_000 * NANO, None, 5_000, 10_000)


def sized(balance: int, terms: Terms = TEN, charged: Charged = Charged()) -> Charge | Capped | None:  # noqa: B008
    return size(balance=balance * NANO, terms=terms, charged=charged, usd_per_credit=RATE)


@pytest.mark.parametrize(
    ("balance", "expected"),
    [
        (100, None),
        (99, Charge(2_000 * NANO, 1_000, 1)),
        (-1_900, Charge(4_000 * NANO, 2_000, 2)),  # one would only just reach the bound
        (-1_899, Charge(2_000 * NANO, 1_000, 1)),
        (-9_000, Charge(10_000 * NANO, 5_000, 5)),  # the day's cap
        (-90_000, Charge(10_000 * NANO, 5_000, 5)),
    ],
)
def test_by_the_amount(balance: int, expected: Charge | None) -> None:
    assert sized(balance) == expected


def test_up_to_a_target() -> None:
    terms = Terms(100 * NANO, 2_000 * NANO, 3_000 * NANO, 5_000, 10_000)
    assert sized(50, terms) == Charge(2_950 * NANO, 1_475, 0)
    assert sized(-20_000, terms) == Charge(10_000 * NANO, 5_000, 0)
    near = Terms(100 * NANO, 2_000 * NANO, 101 * NANO, 5_000, 10_000)
    assert sized(99, near) == Charge(100 * NANO, LEAST_CENTS, 0), "no card is charged less"


def test_caps_say_which() -> None:
    assert sized(50, charged=Charged(4_500, 4_500)) == Capped("day")
    assert sized(50, charged=Charged(0, 9_500)) == Capped("month")
    assert sized(50, charged=Charged(9_000, 12_000)) == Capped("day"), "lowered below what was charged: the nearer one"


def test_a_part_of_a_cent_is_rounded_up() -> None:
    assert cents_for(1_001 * NANO, RATE) == 501
    assert nano_per_cent(RATE) == 2 * NANO


cents = st.integers(1, 100_000)
nano = st.integers(1, 10**6 * NANO)
rates = st.sampled_from([Decimal("0.001"), Decimal("0.005"), Decimal("0.01"), Decimal(1)])


@given(
    balance=st.integers(-(10**6) * NANO, 10**6 * NANO),
    terms=st.builds(Terms, nano, nano, st.none() | nano, cents, cents),
    day=st.integers(0, 200_000),
    more=st.integers(0, 200_000),
    rate=rates,
)
def test_never_above_a_cap_never_more_than_the_gap_needs(
    balance: int, terms: Terms, day: int, more: int, rate: Decimal
) -> None:
    charged = Charged(day, day + more)
    found = size(balance=balance, terms=terms, charged=charged, usd_per_credit=rate)
    assert (found is None) == (balance >= terms.threshold)
    room = min(terms.day_cap - charged.day, terms.month_cap - charged.month)
    if isinstance(found, Charge):
        assert LEAST_CENTS <= found.cents <= room
        assert cents_for(found.credits, rate) == found.cents
        if terms.target is None:
            assert found.credits == found.steps * terms.amount
            assert balance + found.credits - terms.amount <= terms.threshold, "one amount less would not do"
            enough = balance + found.credits > terms.threshold
            assert enough or cents_for(found.credits + terms.amount, rate) > room
        else:
            spare = max(nano_per_cent(rate), LEAST_CENTS * nano_per_cent(rate))
            assert balance + found.credits < max(terms.target, balance) + spare + 1
            assert balance + found.credits >= terms.target or found.cents == room
    if isinstance(found, Capped):
        cap, so_far = (terms.month_cap, charged.month) if found.period == "month" else (terms.day_cap, charged.day)
        assert cap - so_far == room


@given(terms=st.builds(Terms, nano, nano, st.none() | nano, cents, cents), step=st.integers(1, NANO))
def test_what_was_agreed_to_is_a_bound(terms: Terms, step: int) -> None:
    assert terms.within(terms)
    for name in ("threshold", "amount", "day_cap", "month_cap"):
        more = Terms(**{**vars(terms), name: getattr(terms, name) + step})
        assert not more.within(terms)
        assert terms.within(more)


def test_steps_are_within_a_target_only_where_they_end_below_it() -> None:
    """The agreement to a target says nothing of an amount."""
    agreed = Terms(100 * NANO, 5_000 * NANO, 1_000 * NANO, 5_000, 10_000)
    assert not replace(agreed, target=None).within(agreed)
    assert replace(agreed, target=None, amount=900 * NANO).within(agreed)
    assert not replace(agreed, target=None, amount=901 * NANO).within(agreed)
    assert replace(agreed, target=500 * NANO).within(agreed)


@given(
    agreed=st.tuples(st.integers(1, 99), st.integers(1, 300), st.integers(100, 400)),
    wanted=st.tuples(st.integers(1, 99), st.integers(1, 300), st.none() | st.integers(100, 400)),
    balance=st.integers(-50, 99),
)
def test_what_is_within_never_brings_the_balance_higher(
    agreed: tuple[int, int, int], wanted: tuple[int, int, int | None], balance: int
) -> None:
    caps = (10_000_000, 10_000_000)
    first = Terms(agreed[0] * NANO, agreed[1] * NANO, agreed[2] * NANO, *caps)
    target = None if wanted[2] is None else wanted[2] * NANO
    terms = Terms(wanted[0] * NANO, wanted[1] * NANO, target, *caps)
    if not terms.within(first):
        return
    rate = Decimal("0.5")
    found = size(balance=balance * NANO, terms=terms, charged=Charged(), usd_per_credit=rate)
    if isinstance(found, Charge):
        least = LEAST_CENTS * nano_per_cent(rate)
        assert balance * NANO + found.credits <= max(agreed[2] * NANO, balance * NANO + least) + nano_per_cent(rate)
