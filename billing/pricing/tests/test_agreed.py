from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.pricing.agreed import NO_TERMS, Discount, Override, Schedule, Scope, Step, Terms
from billing.pricing.rating import Line, rate
from billing.pricing.tariff import MarkupPoint, ModelPrices
from billing.pricing.tests.builders import NOON, M, model, point

EVER = datetime(2000, 1, 1, tzinfo=UTC)
ONE = Decimal(1)
PRICES = model(
    point("input_tokens", "10", M, price_id=7),
    point("input_tokens", "5", M, tier="batch", price_id=8),
    point("output_tokens", "20", M, price_id=9),
    markup="20",
)
PLATFORM = model(point("messages", "0.005", platform=True), point("input_tokens", "10", M), markup="20")


def override(provider: str = "", model: str = "", meter: str = "", /, **rest: object) -> Override:
    variant = tuple(sorted(rest.pop("variant", {}).items()))  # type: ignore[attr-defined]
    numbers = {key: Decimal(str(value)) if key != "per" else value for key, value in rest.items()}
    return Override(next_id(), Scope(provider, model, meter, variant), EVER, None, **numbers)  # type: ignore[arg-type]


def discount(percent: int | str, provider: str = "", model: str = "", meter: str = "") -> Discount:
    return Discount(next_id(), Scope(provider, model, meter), EVER, None, Decimal(percent))


def schedule(
    *steps: Step, graduated: bool = True, audience: int = 0, meter: str = "input_tokens", **of: str
) -> Schedule:
    scope = Scope(of.get("provider", ""), of.get("model", ""), meter)
    return Schedule(next_id(), scope, EVER, None, graduated, steps, audience)


_ids = iter(range(100, 10_000))


def next_id() -> int:
    return next(_ids)


def off(start: int, percent: int) -> Step:
    return Step(Decimal(start), off=Decimal(percent))


def at_price(start: int, usd: str, per: int = M) -> Step:
    return Step(Decimal(start), price=Decimal(usd), per=per)


def lines(
    terms: Terms,
    usage: dict[str, int],
    variant: dict[str, str] | None = None,
    *,
    prices: ModelPrices = PRICES,
    counted: dict[str, int] | None = None,
    allowances: dict[str, int] | None = None,
    at: datetime = NOON,
) -> tuple[Line, ...]:
    rating = rate(
        prices,
        usage={meter: Decimal(quantity) for meter, quantity in usage.items()},
        variant=variant or {},
        at=at,
        allowances={meter: Decimal(quantity) for meter, quantity in (allowances or {}).items()},
        usd_per_credit=ONE,
        terms=terms,
        counted={key: Decimal(quantity) for key, quantity in (counted or {}).items()},
    )
    assert not rating.problem
    return rating.lines


def usd(terms: Terms, usage: dict[str, int], **rest: object) -> Decimal:
    return sum((line.usd for line in lines(terms, usage, **rest)), Decimal(0))  # type: ignore[arg-type]


MILLION = {"input_tokens": M}

# name, what is agreed on, what a million input tokens cost that are listed at 10 USD with 20 % markup
FIXED = override("acme", "m1", "input_tokens", price=3, per=M)
MODEL, METER = ("acme", "m1"), ("", "", "input_tokens")
HALF, TENTH = (off(0, 50),), (off(0, 10),)
PRECEDENCE = [
    ("nothing", Terms(), "12"),
    ("percent over cost replaces the markup", Terms((override(percent=5),)), "10.5"),
    ("cost itself", Terms((override("acme", percent=0),)), "10"),
    ("a fixed price replaces everything", Terms((FIXED,)), "3"),
    ("a fixed price in other units", Terms((override(*METER, price="0.004", per=1000),)), "4"),
    ("a discount is taken off the marked-up price", Terms(discounts=(discount(10),)), "10.8"),
    ("an override replaces the discount", Terms((override(percent=5),), (discount(10),)), "10.5"),
    ("a fixed price replaces the discount", Terms((FIXED,), (discount(10),)), "3"),
    (
        "the narrower discount counts alone",
        Terms(discounts=(discount(10), discount(25, "acme"), discount(50, "else"))),
        "9",
    ),
    (
        "a discount of the model beats one of the meter",
        Terms(discounts=(discount(10, "acme", "m1"), discount(50, *METER))),
        "10.8",
    ),
    ("a discount of the meter beats one of everything", Terms(discounts=(discount(10), discount(50, *METER))), "6"),
    (
        "an override of the model beats one of the provider",
        Terms((override(*MODEL, percent=1), override("acme", percent=2))),
        "10.1",
    ),
    (
        "an override of the provider beats one of everything",
        Terms((override("acme", percent=2), override(percent=3))),
        "10.2",
    ),
    (
        "an override of the meter beats one of the whole model",
        Terms((override(*MODEL, percent=1), override(*MODEL, "input_tokens", percent=4))),
        "10.4",
    ),
    ("an override of another model", Terms((override("acme", "m2", percent=0),)), "12"),
    ("an override of another variant", Terms((override(*METER, variant={"tier": "batch"}, percent=0),)), "12"),
    ("a step is taken off the marked-up price", Terms(schedules=(schedule(*HALF),)), "6"),
    ("a step is taken off the discounted price", Terms((), (discount(10),), (schedule(*HALF),)), "5.4"),
    ("a step is taken off a percent over cost", Terms((override(percent=5),), (), (schedule(*HALF),)), "5.25"),
    ("a step leaves a fixed price alone", Terms((FIXED,), (), (schedule(*HALF),)), "3"),
    ("a step's own price replaces markup and discount", Terms((), (discount(10),), (schedule(at_price(0, "2")),)), "2"),
    (
        "a step's own price replaces a percent over cost",
        Terms((override(percent=5),), (), (schedule(at_price(0, "2")),)),
        "2",
    ),
    (
        "the workspace's schedule beats its plan's",
        Terms(schedules=(schedule(*TENTH, audience=2), schedule(*HALF, audience=1))),
        "10.8",
    ),
    (
        "the plan's schedule beats everybody's, also a narrower one",
        Terms(schedules=(schedule(*TENTH, audience=1), schedule(*HALF, provider="acme", model="m1"))),
        "10.8",
    ),
    (
        "everybody's narrower schedule beats the wider",
        Terms(schedules=(schedule(*TENTH, provider="acme"), schedule(*HALF))),
        "10.8",
    ),
    ("a schedule of another meter", Terms(schedules=(schedule(*HALF, meter="output_tokens"),)), "12"),
]


@pytest.mark.parametrize(("terms", "expected"), [row[1:] for row in PRECEDENCE], ids=[row[0] for row in PRECEDENCE])
def test_precedence(terms: Terms, expected: str) -> None:
    assert usd(terms, MILLION) == Decimal(expected)


def test_a_variant_of_a_price_can_be_agreed_on() -> None:
    terms = Terms((override("acme", "m1", "input_tokens", variant={"tier": "batch"}, price=1, per=M),))
    assert usd(terms, MILLION, variant={"tier": "batch"}) == 1
    assert usd(Terms((override(percent=0),)), MILLION, variant={"tier": "batch"}) == 5


def test_a_percent_over_everything_leaves_the_platforms_own_prices_alone() -> None:
    usage = {"messages": 1000}
    assert usd(Terms((override(percent=50),)), usage, prices=PLATFORM) == 5
    assert usd(Terms((override("platform", percent=50),)), usage, prices=PLATFORM) == Decimal("7.5")
    assert usd(Terms((override("", "", "messages", percent=50),)), usage, prices=PLATFORM) == Decimal("7.5")
    assert usd(Terms(discounts=(discount(10),)), usage, prices=PLATFORM) == Decimal("4.5")


def test_what_was_agreed_on_holds_from_an_instant_until_another() -> None:
    until = NOON + timedelta(hours=1)
    dated = Override(1, Scope(), NOON, until, percent=Decimal(0))
    terms = Terms((dated,))
    moments = (NOON - timedelta(seconds=1), NOON, until - timedelta(seconds=1), until)
    assert [usd(terms, MILLION, at=at) for at in moments] == [12, 10, 10, 12]
    assert not terms.alike(NOON - timedelta(seconds=1), NOON)
    assert terms.alike(NOON, until - timedelta(seconds=1))


def test_a_withdrawn_agreement_never_holds() -> None:
    assert usd(Terms((Override(1, Scope(), NOON, NOON, percent=Decimal(0)),)), MILLION) == 12


def test_lines_say_what_they_were_priced_by() -> None:
    own, less, steps = override(percent=5), discount(10), schedule(off(500_000, 50))
    (line,) = lines(Terms((own,)), MILLION)
    assert (line.price_id, line.markup_percent) == (7, 5)
    assert line.applied is not None
    assert line.applied.override_id == own.id
    first, second = lines(Terms((), (less,), (steps,)), MILLION)
    assert first.applied is not None
    assert second.applied is not None
    assert first.quantity == second.quantity == 500_000
    assert (first.applied.discount_id, first.applied.step, first.applied.off) == (less.id, None, 0)
    assert (second.applied.discount, second.applied.step, second.applied.off) == (10, 500_000, 50)
    assert {first.applied.schedule_id, second.applied.schedule_id} == {steps.id}
    assert {first.applied.counter, second.applied.counter} == {"input_tokens"}
    (plain,) = lines(NO_TERMS, MILLION)
    assert plain.applied is None


STEPS = (off(1000, 10), off(3000, 50))


@pytest.mark.parametrize(
    ("before", "quantity", "parts"),
    [
        (0, 999, [(999, 0)]),
        (0, 1000, [(1000, 0)]),
        (0, 1001, [(1000, 0), (1, 10)]),
        (1000, 1, [(1, 10)]),
        (500, 5000, [(500, 0), (2000, 10), (2500, 50)]),
        (3000, 7, [(7, 50)]),
        (2999, 2, [(1, 10), (1, 50)]),
    ],
)
def test_an_event_that_straddles_a_graduated_step_is_split(before: int, quantity: int, parts: list[object]) -> None:
    terms = Terms(schedules=(schedule(*STEPS),))
    found = lines(terms, {"input_tokens": quantity}, counted={"input_tokens": before})
    assert [(line.quantity, line.applied.off) for line in found if line.applied] == parts


@pytest.mark.parametrize(
    ("before", "quantity", "percent"),
    [(0, 999, 0), (0, 1000, 10), (500, 499, 0), (500, 500, 10), (1, 2999, 50), (0, 10_000, 50), (5000, 1, 50)],
)
def test_a_volume_step_holds_from_the_event_that_reaches_it_on(before: int, quantity: int, percent: int) -> None:
    terms = Terms(schedules=(schedule(*STEPS, graduated=False),))
    (line,) = lines(terms, {"input_tokens": quantity}, counted={"input_tokens": before})
    assert (line.quantity, line.applied and line.applied.off) == (quantity, percent)


def test_what_an_allowance_covers_does_not_count_towards_steps() -> None:
    terms = Terms(schedules=(schedule(*STEPS),))
    found = lines(terms, {"input_tokens": 1500}, allowances={"input_tokens": 400})
    assert [(line.quantity, line.from_allowance, line.charged) for line in found] == [(1400, 400, 1000), (100, 0, 100)]
    (free,) = lines(terms, {"input_tokens": 1500}, allowances={"input_tokens": 2000})
    assert (free.quantity, free.charged, free.usd) == (1500, 0, 0)


def test_two_meters_of_one_event_climb_steps_of_their_own() -> None:
    terms = Terms(schedules=(schedule(*STEPS), schedule(off(10, 100), meter="output_tokens")))
    found = lines(terms, {"input_tokens": 1001, "output_tokens": 11})
    assert [(line.meter, line.quantity) for line in found] == [
        ("input_tokens", 1000),
        ("input_tokens", 1),
        ("output_tokens", 10),
        ("output_tokens", 1),
    ]


def test_a_schedule_knows_which_models_it_may_concern() -> None:
    def terms() -> Terms:
        return Terms(schedules=(schedule(off(0, 1), provider="acme", model="m1"),))

    assert terms().counts(PRICES)
    assert not terms().counts(model(point("output_tokens", "1")))
    assert not terms().counts(ModelPrices("acme", "m3", PRICES.points, (MarkupPoint(0, Decimal(0)),)))
    assert not NO_TERMS.counts(PRICES)
    assert Terms(schedules=(schedule(off(0, 1), meter="messages"),)).counts(PLATFORM)
