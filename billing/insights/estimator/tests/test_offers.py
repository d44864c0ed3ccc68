"""Plans compared, with needs made by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.insights.estimator.offers import Choice, MonthLine, Need, Offer, compare, plan_cost

D = Decimal
CREDIT = D("0.005")


def need(*lines: tuple[str, str, str], largest: dict[str, Decimal] | None = None, **more: object) -> Need:
    """(meter, quantity, USD) of a month."""
    return Need(tuple(MonthLine(meter, D(quantity), D(usd)) for meter, quantity, usd in lines), largest or {}, **more)  # type: ignore[arg-type]


SPEECH = need(("input_characters", "400000", "18"), ("messages", "1000", "5"))
FREE = Offer("free", "Free", D(0), allowances={"input_characters": D(1_000)})
PRO = Offer("pro", "Pro", D(29), allowances={"input_characters": D(500_000)})
CREDITS = Offer("bundle", "Bundle", D(10), credits=D(4_000))


def names(choice: Choice) -> list[str]:
    return [plan.offer.name for plan in choice.plans]


def test_a_month_is_the_price_and_the_credits_beyond_what_is_included() -> None:
    free, pro, bundle = (plan_cost(offer, SPEECH, CREDIT) for offer in (FREE, PRO, CREDITS))
    assert free.usd == D("22.955")  # 1 of 400 parts of the characters is free
    assert (pro.usd, pro.extra) == (D(34), D(1_000))
    assert (bundle.usd, bundle.extra, bundle.from_credits) == (D(13), D(600), D(4_000))


def test_allowances_are_used_before_credits() -> None:
    both = Offer("both", "Both", D(0), credits=D(1_000), allowances={"input_characters": D(400_000)})
    cost = plan_cost(both, SPEECH, CREDIT)
    assert (cost.extra, cost.from_credits) == (0, D(1_000))
    assert [(each.meter, each.used, each.usd) for each in cost.covered] == [("input_characters", D(400_000), D(18))]


def test_of_a_ladder_of_credits_the_best_rung_is_shown_and_the_customers_own() -> None:
    rungs = [
        Offer("ladder", f"Ladder, {credits}", D(credits) / 400, credits=D(credits), yours=credits == 8_000)
        for credits in (1_000, 4_000, 8_000, 16_000)
    ]
    assert names(compare([FREE, *rungs], SPEECH, CREDIT)) == ["Ladder, 4000", "Ladder, 8000", "Free"]


def test_the_best_value_has_the_lowest_total_and_the_second_best_follows() -> None:
    choice = compare([FREE, PRO, CREDITS], SPEECH, CREDIT)
    assert names(choice) == ["Bundle", "Free", "Pro"]
    assert choice.best is not None
    assert choice.best.offer is CREDITS
    assert choice.second is not None
    assert choice.second.offer is FREE


def test_of_equal_totals_the_lower_price_is_better() -> None:
    dear, cheap = Offer("a", "A", D(5), credits=D(1_000)), Offer("b", "B", D(0))
    assert names(compare([dear, cheap], need(("messages", "1000", "5")), CREDIT)) == ["B", "A"]


def test_of_equal_totals_the_customers_own_plan_is_best() -> None:
    own = Offer("a", "A", D(5), credits=D(1_000), yours=True)
    assert names(compare([Offer("b", "B", D(0)), own], need(("messages", "1000", "5")), CREDIT)) == ["A", "B"]


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (Offer("x", "X", D(0), request_limits={"input_characters": D(213)}), "It allows 213 input characters"),
        (Offer("x", "X", D(0), qualities=("standard",)), "Its qualities are Standard; Ultra is not among them"),
        (Offer("x", "X", D(0), concurrency=9), "It allows 9 requests at the same time; 10 are needed"),
    ],
)
def test_a_plan_that_would_refuse_is_no_choice_and_says_why(offer: Offer, reason: str) -> None:
    asked = need(("messages", "1", "0.005"), largest={"input_characters": D(214)}, quality="ultra", at_once=10)
    choice = compare([offer, PRO], asked, CREDIT)
    assert choice.best is not None
    assert choice.best.offer is PRO
    assert choice.second is None
    (refused,) = choice.refused
    assert refused.refusals[0].startswith(reason)


def test_limits_that_are_just_kept_do_not_refuse() -> None:
    offer = Offer("x", "X", D(0), request_limits={"input_characters": D(214)}, qualities=("ultra",), concurrency=10)
    asked = need(("messages", "1", "0.005"), largest={"input_characters": D(214)}, quality="Ultra", at_once=10)
    assert plan_cost(offer, asked, CREDIT).fits


def test_no_plan_fits_or_none_is_offered() -> None:
    asked = need(largest={}, at_once=5)
    assert compare([Offer("x", "X", D(0), concurrency=1)], asked, CREDIT).best is None
    assert compare([], asked, CREDIT).plans == ()


def test_a_plan_may_have_a_price_of_its_own_for_further_credits() -> None:
    dear = Offer("x", "X", D(0), unit_usd=D("0.006"))
    assert plan_cost(dear, need(("messages", "1000", "5")), CREDIT).usd == 6


amounts = st.integers(0, 10**9)


@given(
    lines=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 10**9), amounts), max_size=6),
    included=st.dictionaries(st.sampled_from("abc"), amounts),
    price=st.integers(0, 100_000),
    credits=amounts,
)
def test_a_plan_never_costs_more_than_its_price_and_everything(
    lines: list[tuple[str, int, int]], included: dict[str, int], price: int, credits: int
) -> None:
    asked = need(*((meter, str(quantity), str(usd)) for meter, quantity, usd in lines))
    offer = Offer("x", "X", D(price), D(credits), {meter: D(quantity) for meter, quantity in included.items()})
    cost = plan_cost(offer, asked, CREDIT)
    due = Fraction(0)
    for meter in "abc":
        quantity = sum(each[1] for each in lines if each[0] == meter)
        usd = sum(each[2] for each in lines if each[0] == meter)
        due += usd * max(1 - Fraction(included.get(meter, 0), quantity), 0) if quantity else 0
    expected = price + max(due - credits * Fraction("0.005"), 0)
    assert abs(Fraction(cost.usd) - expected) < Fraction(1, 10**25)
    assert D(price) <= cost.usd <= D(price) + asked.usd
