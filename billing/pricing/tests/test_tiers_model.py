"""Tiers against a model in exact fractions: random steps and events, and whatever else is taken off."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.credits.units import NANO
from billing.pricing.agreed import Discount, Scope, Step, Terms
from billing.pricing.rating import rate
from billing.pricing.tariff import ZERO
from billing.pricing.tests.builders import NOON, model, point
from billing.pricing.tests.test_agreed import EVER, schedule

CREDIT = Decimal("0.005")
quantities = st.decimals(0, 5000, places=3).filter(bool)
percents = st.decimals(0, 100, places=3)
prices = st.decimals(0, 50, places=9)


@st.composite
def steps(draw: st.DrawFn) -> tuple[Step, ...]:
    starts = sorted(draw(st.sets(st.decimals(0, 4000, places=3), min_size=1, max_size=5)))
    made = []
    for start in starts:
        if draw(st.booleans()):
            made.append(Step(start, off=draw(percents)))
        else:
            made.append(Step(start, price=draw(prices), per=draw(st.sampled_from([1, 3, 60, 1000, 3600]))))
    return tuple(made)


class Reference:
    """The same by the book: every unit, or every event, at the price of its place."""

    def __init__(self, steps: tuple[Step, ...], due: Fraction, *, graduated: bool) -> None:
        self.steps, self.due, self.graduated = steps, due, graduated
        self.counted = Fraction(0)

    def unit_price(self, step: Step | None) -> Fraction:
        if step is None:
            return self.due
        if step.price is not None:
            return Fraction(step.price) / step.per
        return self.due * (100 - Fraction(step.off or 0)) / 100

    def cost(self, quantity: Decimal) -> Fraction:
        before, after = self.counted, self.counted + Fraction(quantity)
        self.counted = after
        if not self.graduated:
            reached = [step for step in self.steps if step.start <= after]
            return Fraction(quantity) * self.unit_price(reached[-1] if reached else None)
        cost = Fraction(0)
        bounds: list[tuple[Fraction, Step | None]] = [(Fraction(0), None)]
        bounds += [(Fraction(step.start), step) for step in self.steps]
        for place, (start, step) in enumerate(bounds):
            end = bounds[place + 1][0] if place + 1 < len(bounds) else after
            cost += max(min(end, after) - max(start, before), Fraction(0)) * self.unit_price(step)
        return cost


def nano(usd: Fraction, *, up: bool = False) -> int:
    exact = usd / Fraction(CREDIT) * NANO
    return -(-exact.numerator // exact.denominator) if up else round(exact)


@given(
    steps=steps(),
    events=st.lists(quantities, min_size=1, max_size=12),
    price=prices,
    per=st.sampled_from([1, 3, 60, 1_000_000]),
    markup=st.decimals(-50, 200, places=3),
    discount=percents,
    graduated=st.booleans(),
    round_up=st.booleans(),
)
def test_every_event_costs_what_the_model_says(
    steps: tuple[Step, ...],
    events: list[Decimal],
    price: Decimal,
    per: int,
    markup: Decimal,
    discount: Decimal,
    graduated: bool,
    round_up: bool,
) -> None:
    listed = model(point("input_tokens", str(price), per), markup=str(markup))
    off = (Discount(1, Scope(), EVER, None, discount),) if discount else ()
    terms = Terms((), off, (schedule(*steps, graduated=graduated),))
    due = Fraction(price) * (100 + Fraction(markup)) / 100 * (100 - Fraction(discount)) / 100 / per
    reference = Reference(steps, due, graduated=graduated)
    counted = ZERO
    for quantity in events:
        rating = rate(
            listed,
            usage={"input_tokens": quantity},
            variant={},
            at=NOON,
            usd_per_credit=CREDIT,
            terms=terms,
            counted={"input_tokens": counted},
            round_up=round_up,
        )
        assert rating.nano == nano(reference.cost(quantity), up=round_up)
        assert sum(line.charged for line in rating.lines) == quantity
        counted += quantity
    assert counted == sum(events)


@given(steps=steps(), events=st.lists(quantities, min_size=1, max_size=12), price=prices)
def test_graduated_prices_do_not_depend_on_how_usage_is_cut_into_events(
    steps: tuple[Step, ...], events: list[Decimal], price: Decimal
) -> None:
    terms = Terms(schedules=(schedule(*steps),))
    listed = model(point("input_tokens", str(price), 1000))
    counted, usd = ZERO, Fraction(0)
    for quantity in [*events]:
        lines = rate(
            listed, usage={"input_tokens": quantity}, variant={}, at=NOON, usd_per_credit=CREDIT, terms=terms,
            counted={"input_tokens": counted},
        ).lines  # fmt: skip
        usd += sum(
            (Fraction(line.charged) * _unit(line.price_usd, line.per, line.applied) for line in lines), Fraction(0)
        )
        counted += quantity
    assert usd == Reference(steps, Fraction(price) / 1000, graduated=True).cost(sum(events, ZERO))


def _unit(price: Decimal, per: int, applied: object) -> Fraction:
    off = getattr(applied, "off", ZERO)
    return Fraction(price) / per * (100 - Fraction(off)) / 100
