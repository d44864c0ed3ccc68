"""Sums cost what their requests cost one by one."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricing.agreed import Schedule, Scope, Step, Terms
from billing.pricing.rating import rate
from billing.pricing.tests.builders import NOON, M, model, point
from billing.pricing.totals import cost_of_totals

PRICES = model(
    point("input_tokens", "3", M),
    point("cached_input_tokens", "0.3", M),
    point("output_tokens", "15", M),
    point("requests", "0.005"),
    point("input_tokens", "6", M, context_over=200_000),
    markup="20",
)
REQUESTS = st.lists(
    st.tuples(st.integers(1, 100_000), st.integers(0, 100), st.integers(0, 9_000)), min_size=1, max_size=12
)


def usages(requests: list[tuple[int, int, int]]) -> list[dict[str, Decimal]]:
    return [
        {
            "input_tokens": Decimal(sent),
            "cached_input_tokens": Decimal(sent * share // 100),
            "output_tokens": Decimal(out),
        }
        for sent, share, out in requests
    ]


@given(REQUESTS)
def test_the_sum_of_requests_costs_the_sum_of_their_costs(requests: list[tuple[int, int, int]]) -> None:
    each = usages(requests)
    one_by_one = [rate(PRICES, usage=one, variant={}, at=NOON, usd_per_credit=Decimal(1)).usd for one in each]
    together = {meter: sum((one[meter] for one in each), Decimal(0)) for meter in each[0]}
    cost = cost_of_totals(PRICES, usage=together, requests=len(each), at=NOON)
    assert cost == sum(one_by_one, Decimal(0))  # the fee of each included, the price of long contexts not


def test_what_has_no_price_there_has_no_cost() -> None:
    assert cost_of_totals(PRICES, usage={"images": Decimal(1)}, requests=1, at=NOON) is None
    assert cost_of_totals(PRICES, usage={}, requests=0, at=NOON) == 0


def test_a_part_without_a_price_is_billed_inside_its_whole() -> None:
    usage = {"output_tokens": Decimal(M), "reasoning_tokens": Decimal(400_000)}
    assert cost_of_totals(PRICES, usage=usage, requests=0, at=NOON) == 18


def test_one_thing_counted_twice_costs_once() -> None:
    speech = model(point("input_characters", "40", M), modality="speech")
    usage = {"input_characters": Decimal(M), "audio_output_seconds": Decimal(70)}
    assert cost_of_totals(speech, usage=usage, requests=1, at=NOON) == 40


def test_a_kind_that_is_sold_in_variants_only_needs_one() -> None:
    image = model(point("images", "0.04", quality="high"), modality="image")
    usage = {"images": Decimal(3)}
    assert cost_of_totals(image, usage=usage, requests=1, at=NOON) is None
    assert cost_of_totals(image, usage=usage, requests=1, at=NOON, variant={"quality": "high"}) == Decimal("0.12")


@pytest.mark.parametrize(("graduated", "usd"), [(True, "25"), (False, "20")])
def test_tiers_are_climbed_from_zero(graduated: bool, usd: str) -> None:
    steps = (Step(Decimal(10), off=Decimal(50)),)
    terms = Terms(schedules=(Schedule(1, Scope(meter="images"), NOON, None, graduated=graduated, steps=steps),))
    prices = model(point("images", "1"), modality="image")
    usage = {"images": Decimal(40)}
    assert cost_of_totals(prices, usage=usage, requests=1, at=NOON, terms=terms) == Decimal(usd)
    few = {"images": Decimal(4)}
    assert cost_of_totals(prices, usage=few, requests=1, at=NOON, terms=terms) == 4
