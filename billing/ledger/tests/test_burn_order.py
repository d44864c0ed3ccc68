"""The burn order, as a pure function."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing.ledger.burn import SOURCES, burn_key, in_burn_order, take
from billing.ledger.records import LotState

START = datetime(2026, 1, 1, tzinfo=UTC)
instants = st.integers(0, 20).map(lambda days: START + timedelta(days=days))


@st.composite
def lot(draw: st.DrawFn) -> LotState:
    remaining = draw(st.integers(0, 10**12))
    started = draw(instants)
    return LotState(
        id=draw(st.integers(1, 10**6)),
        source=draw(st.sampled_from(SOURCES)),
        amount=remaining + draw(st.integers(0, 5)),
        remaining=remaining,
        held=draw(st.integers(0, remaining)),
        priority=draw(st.integers(-1, 1)),
        effective_at=started,
        expires_at=draw(st.none() | st.integers(1, 30).map(lambda days: started + timedelta(days=days))),
        scheduled=draw(st.booleans()),
    )


lots = st.lists(lot(), max_size=8, unique_by=lambda each: each.id)


def plain(
    lot_id: int, *, source: str = "bought", day: int = 0, expires: int | None = None, priority: int = 0
) -> LotState:
    end = START + timedelta(days=expires) if expires is not None else None
    return LotState(lot_id, source, 10, 10, 0, priority, START + timedelta(days=day), end, scheduled=False)


def ids(found: list[LotState]) -> list[int]:
    return [each.id for each in found]


def test_lots_of_one_kind_burn_oldest_first() -> None:
    assert ids(in_burn_order([plain(3, day=2), plain(1, day=1), plain(2, day=1)])) == [1, 2, 3]


def test_what_expires_first_goes_first_and_never_comes_last() -> None:
    assert ids(in_burn_order([plain(1), plain(2, day=5, expires=9), plain(3, day=1, expires=20)])) == [2, 3, 1]


def test_plan_before_promotion_before_bought_at_one_expiry() -> None:
    found = in_burn_order(
        [plain(1, source="bought"), plain(2, source="promotion", day=3), plain(3, source="plan", day=4)]
    )
    assert ids(found) == [3, 2, 1]


def test_priority_beats_everything() -> None:
    assert ids(in_burn_order([plain(1, expires=1), plain(2, priority=-1), plain(3, expires=2, priority=1)])) == [
        2,
        1,
        3,
    ]


@given(lots)
def test_the_order_is_total_and_does_not_depend_on_how_lots_arrive(found: list[LotState]) -> None:
    assert ids(in_burn_order(found)) == ids(in_burn_order(reversed(found)))
    assert len({burn_key(each) for each in found}) == len(found)


@given(lots, st.integers(0, 10**13))
def test_takes_cover_the_amount_or_everything_there_is(found: list[LotState], amount: int) -> None:
    takes = take(in_burn_order(found), amount)
    assert sum(part for _, part in takes) == min(amount, sum(each.free for each in found))
    free = {each.id: each.free for each in found}
    assert all(0 < part <= free[lot_id] for lot_id, part in takes)


@given(lots, st.integers(0, 10**13))
def test_a_later_lot_is_touched_only_when_all_before_it_are_empty(found: list[LotState], amount: int) -> None:
    ordered = in_burn_order(found)
    takes = dict(take(ordered, amount))
    last = max((index for index, each in enumerate(ordered) if each.id in takes), default=0)
    assert all(takes.get(each.id, 0) == each.free for each in ordered[:last])


@given(lots, st.integers(0, 10**12), st.integers(0, 10**12))
def test_two_takes_in_a_row_equal_one_of_their_sum(found: list[LotState], first: int, second: int) -> None:
    ordered = in_burn_order(found)
    at_once = dict(take(ordered, first + second))
    in_two: dict[int, int] = {}
    for amount in (first, second):
        for lot_id, part in take(ordered, amount):
            in_two[lot_id] = in_two.get(lot_id, 0) + part
            next(each for each in ordered if each.id == lot_id).remaining -= part
    assert in_two == at_once
