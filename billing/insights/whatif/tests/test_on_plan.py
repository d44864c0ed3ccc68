"""A plan as if it had been in force: its price, its credits and what it includes, month by month."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Workspace
from billing.credits.units import NANO
from billing.insights.whatif.asked import Question
from billing.insights.whatif.plans import Month, Offer, PlanComparison, replay_plans
from billing.insights.whatif.query import answer, calendar_months
from billing.insights.whatif.tests.conftest import GPT, NOW, TTS, Use
from billing.metering.past import PastEvent
from billing.plans.models import PlanVersion
from billing.pricing.replay import Replay
from billing.pricing.tests.builders import CREDIT, NOON, model, point

WHOLE = Month("March 2026", Fraction(1))
CHARACTER = 8_000_000  # nano-credits


def past(characters: int, *, day: int = 0, **fields: object) -> PastEvent:
    usage = f'{{"input_characters": "{characters}"}}'
    values = {"amount": characters * CHARACTER, "waits": False, "archived": False, "reversed": False} | fields
    return PastEvent(day, 3, NOON, "acme", "m1", usage, "{}", "", chosen=True, **values)  # type: ignore[arg-type]


def speech(_provider: str, _name: str) -> Replay:
    prices = model(point("input_characters", "40", 1_000_000), modality="speech")
    return Replay(prices, usd_per_credit=CREDIT, now=NOON)


def bills(
    events: list[PastEvent],
    *offers: Offer,
    months: Mapping[int, Month] | None = None,
    month_of: list[int] | None = None,
) -> PlanComparison:
    return replay_plans(
        events,
        [(offer, speech) for offer in offers],
        months=list((months or {0: WHOLE}).values()),
        month_of=month_of or [0] * 31,
        usd_per_credit=CREDIT,
    )


def test_what_is_included_is_used_up_first() -> None:
    offer = Offer("pro", "Pro", Decimal(29), allowances={"input_characters": Decimal(1_000)})
    none, pro = bills([past(600), past(600), past(600)], Offer("", "No plan"), offer).bills
    assert (none.listed, none.used, none.bought) == (1_800 * CHARACTER,) * 3
    assert (pro.listed, pro.used, pro.included) == (1_800 * CHARACTER, 800 * CHARACTER, 1_000 * CHARACTER)
    assert none.usd == Decimal("0.072")
    assert pro.usd == Decimal(29) + Decimal("0.032")


def test_the_months_credits_pay_before_any_is_bought() -> None:
    offer = Offer("team", "Team", Decimal(10), credits=10 * NANO)
    ((bill,),) = [bills([past(1_000), past(1_000)], offer).bills]
    (month,) = bill.months
    assert (month.used, month.from_credits, month.bought, month.lapsed) == (16 * NANO, 10 * NANO, 6 * NANO, 0)
    assert bill.usd == Decimal("10.03")


def test_unused_credits_lapse_or_roll_over() -> None:
    months = {0: WHOLE, 1: WHOLE, 2: WHOLE}
    events = [past(500, day=0), past(2_000, day=1), past(2_500, day=2)]  # 4, 16 and 20 credits
    strict, rolling = bills(
        events,
        Offer("a", "A", credits=10 * NANO),
        Offer("b", "B", credits=10 * NANO, rollover_months=1),
        months=months,
        month_of=[0, 1, 2],
    ).bills
    assert [month.bought for month in strict.months] == [0, 6 * NANO, 10 * NANO]
    assert [month.lapsed for month in strict.months] == [6 * NANO, 0, 0]
    assert [month.bought for month in rolling.months] == [0, 0, 10 * NANO]
    assert rolling.from_credits == 30 * NANO


def test_of_a_month_that_is_partly_in_the_days_its_part_counts() -> None:
    half = {0: Month("March 2026", Fraction(1, 2))}
    offer = Offer("pro", "Pro", Decimal(29), credits=9, allowances={"input_characters": Decimal(1_001)})
    (bill,) = bills([past(2_000)], offer, months=half).bills
    assert (bill.price_usd, bill.given) == (Decimal("14.5"), 4)
    assert bill.included == Decimal("500.5") * CHARACTER


def test_waiting_and_reversed_requests_are_counted_and_archived_ones_stay_as_charged() -> None:
    events = [past(100, amount=0, waits=True), past(100, reversed=True), past(100, archived=True, amount=5)]
    offer = Offer("pro", "Pro", allowances={"input_characters": Decimal(1_000)})
    found = bills(events, offer)
    assert [each.requests for each in found.left_out] == [1, 1]
    assert (found.fixed, found.bills[0].requests, found.bills[0].used) == (1, 1, 5)


@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 2)), max_size=30),
    st.integers(0, 9_000),
    st.integers(0, 40),
    st.integers(0, 3),
)
def test_it_always_adds_up(requests: list[tuple[int, int]], included: int, credits: int, rollover: int) -> None:
    events = [past(characters, day=day) for characters, day in sorted(requests, key=lambda each: each[1])]
    months = dict.fromkeys(range(3), WHOLE)
    offer = Offer("x", "X", credits=credits * NANO, rollover_months=rollover,
                  allowances={"input_characters": Decimal(included)})  # fmt: skip
    (bill,) = bills(events, offer, months=months, month_of=[0, 1, 2]).bills
    for number, month in enumerate(bill.months):
        sent = sum(characters for characters, day in requests if day == number)
        assert month.used == max(sent - included, 0) * CHARACTER
        assert 0 <= month.from_credits <= month.used
    assert sum(bill.days) == bill.used
    assert bill.from_credits <= bill.given
    assert bill.from_credits + sum(month.lapsed for month in bill.months) <= bill.given
    if rollover >= 2:
        left = 0
        for month in bill.months:
            left += month.given
            assert month.from_credits == min(left, month.used)
            left -= month.from_credits


def test_months_of_thirty_days() -> None:
    dates = [date(2026, 2, 9) + timedelta(days=step) for step in range(30)]
    months, month_of = calendar_months(dates)
    assert [(month.name, month.share) for month in months] == [
        ("February 2026", Fraction(20, 28)),
        ("March 2026", Fraction(10, 31)),
    ]
    assert month_of == [0] * 20 + [1] * 10


def test_the_plan_a_workspace_is_on_beside_another(on_free: Workspace, use: Use) -> None:
    use(TTS, ago=3, input_characters=60_000)
    use(GPT, ago=2, input_tokens=1_000)
    found = answer(on_free, Question(on="plan", plan="pro"))
    assert found.plans is not None
    free, pro = found.plans.bills
    assert (found.current, found.target, free.requests, pro.requests) == ("Free", "Pro", 2, 2)
    assert free.listed == pro.listed == 60_000 * CHARACTER + 500_000_000
    assert free.included == int(Decimal(1_000) * 10 / 31 * CHARACTER)  # ten of March's 31 days
    assert pro.used == 500_000_000
    assert free.price_usd == 0
    assert abs(pro.price_usd - Decimal(29) * (Decimal(20) / 28 + Decimal(10) / 31)) < Decimal("1e-20")


def test_what_was_included_and_what_was_not_are_told_apart(on_free: Workspace, use: Use) -> None:
    charged = sum(use(TTS, ago=ago, input_characters=700) for ago in (9, 8, 7.5, 3))
    found = answer(on_free, Question(on="plan", plan="free")).plans
    assert found is not None
    march = found.bills[0].months[1]
    assert charged == 1_800 * CHARACTER  # 1,000 of March were included
    assert march.listed == 2_800 * CHARACTER
    assert march.used == march.listed - int(Decimal(1_000) * 10 / 31 * CHARACTER)


def version_with(plan: str, **terms: Any) -> None:
    """A new version of a plan that takes something off."""
    old = PlanVersion.objects.filter(plan__key=plan).latest("number")
    old.pk, old.number, old.published_at = None, old.number + 1, NOW - timedelta(days=200)
    for name, value in {"allowances": {}, "monthly_price_cents": 0, **terms}.items():
        setattr(old, name, value)
    old.save(force_insert=True)


def test_what_a_plan_takes_off(on_free: Workspace, use: Use) -> None:
    use(GPT, ago=2, input_tokens=1_000_000)
    use(TTS, ago=2, input_characters=10_000)
    version_with("pro", discounts=[{"percent": "10"}, {"percent": "50", "provider": "openai", "model": "gpt-4o"}])
    found = answer(on_free, Question(on="plan", plan="pro")).plans
    assert found is not None
    free, pro = found.bills
    assert free.listed == 500 * NANO + 10_000 * CHARACTER
    assert pro.used == 250 * NANO + 9_000 * CHARACTER
    assert pro.included == 0


def test_steps_of_a_plan_are_climbed_month_by_month(on_free: Workspace, use: Use) -> None:
    steps = [{"from": "1000000", "off": "50"}]
    version_with("pro", tiers=[{"meter": "input_tokens", "mode": "graduated", "steps": steps}])
    use(GPT, ago=37, input_tokens=600_000)  # 1 February, before the 30 days
    use(GPT, ago=20, input_tokens=600_000)
    use(GPT, ago=2, input_tokens=600_000)
    found = answer(on_free, Question(on="plan", plan="pro")).plans
    assert found is not None
    free, pro = found.bills
    assert free.used == 600 * NANO
    assert [month.used for month in pro.months] == [250 * NANO, 300 * NANO]
    assert pro.requests == 2
