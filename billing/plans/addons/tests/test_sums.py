"""What a part of a period costs."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.plans.addons.sums import period_around, pro_rata

MOST = 8 * 365 * 86_400 * 10**6
instants = st.integers(0, MOST).map(lambda us: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=us))
amounts = st.integers(min_value=1, max_value=10**15)


@given(instants, instants, st.booleans())
def test_an_instant_is_in_its_period(anchor: datetime, at: datetime, months: bool) -> None:
    starts, ends = period_around(anchor, at, calendar_months=months)
    assert starts <= at < ends
    assert timedelta(days=28) <= ends - starts <= timedelta(days=31)
    assert period_around(anchor, ends, calendar_months=months)[0] == ends


@given(instants, instants, amounts)
def test_a_part_is_its_share_rounded_up_to_a_nano_credit(anchor: datetime, at: datetime, monthly: int) -> None:
    starts, ends = period_around(anchor, at, calendar_months=False)
    part = pro_rata(monthly, starts=starts, ends=ends, since=at)
    exact = (
        Fraction(monthly) * ((ends - at) // timedelta(microseconds=1)) / ((ends - starts) // timedelta(microseconds=1))
    )
    assert exact <= part < exact + 1
    assert 0 < part <= monthly
    assert pro_rata(monthly, starts=starts, ends=ends, since=starts) == monthly
    assert pro_rata(monthly, starts=starts, ends=ends, since=ends) == 0


@given(instants, instants, amounts, st.lists(st.integers(1, 9), min_size=1, max_size=5), st.data())
def test_more_step_by_step_costs_what_it_costs_at_once_but_for_rounding(
    anchor: datetime, at: datetime, price: int, steps: list[int], data: st.DataObject
) -> None:
    starts, ends = period_around(anchor, at, calendar_months=False)

    def cost(pieces: int) -> int:
        return pro_rata(price * pieces, starts=starts, ends=ends, since=at)

    apart, once = sum(map(cost, steps)), cost(sum(steps))
    assert once <= apart < once + len(steps)
