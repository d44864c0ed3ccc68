"""The engine alone, with prices made by hand."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.insights.estimator.agents import ChatAgent, Extra, Talk, VoiceAgent
from billing.insights.estimator.engine import Rates, part, settled
from billing.pricing.agreed import Schedule, Scope, Step, Terms
from billing.pricing.rating import rate
from billing.pricing.tariff import ModelPrices, PricePoint

D = Decimal
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
M = 1_000_000
CHAT, VOICE, EARS = "acme/chat", "acme/voice", "acme/ears"


def point(meter: str, usd: str, per: int = 1, *, platform: bool = False, **dims: str) -> PricePoint:
    return PricePoint(hash((meter, usd, per)) % 10_000, meter, dims, D(usd), per, platform=platform)


PLATFORM = (
    point("messages", "0.005", platform=True),
    point("call_minutes", "0.05", platform=True),
    point("api_calls", "0", platform=True),
    point("container_days", "0.67", platform=True),
)
TOKENS = (
    point("input_tokens", "0.15", M),
    point("cached_input_tokens", "0.075", M),
    point("output_tokens", "0.6", M),
    point("input_tokens", "0.3", M, context_over="10000"),
    point("output_tokens", "1.2", M, context_over="10000"),
)


def prices(ref: str, *points: PricePoint, modality: str = "text") -> ModelPrices:
    provider, _, model = ref.partition("/")
    return ModelPrices(provider, model, (*points, *PLATFORM), modality=modality)


def rates(credit: str = "0.005", **others: ModelPrices) -> Rates:
    book = {
        "": ModelPrices("platform", "", PLATFORM),
        CHAT: prices(CHAT, *TOKENS),
        VOICE: prices(VOICE, point("input_characters", "0.045", 1_000), modality="speech"),
        EARS: prices(EARS, point("audio_input_seconds", "0.005", 60), modality="transcription"),
    }
    return Rates({**book, **{model.ref: model for model in others.values()}}, AT, D(credit))


TALK = Talk(CHAT, D(2_000), D(150))
CALL = VoiceAgent(D(5), D(856), D(50), D(2), TALK, VOICE, EARS)


def test_five_turn_chat_costs_six_credits() -> None:
    cost = part("chat", ChatAgent(D(5), TALK).steps(), D(1), rates())
    assert [(step.step.name, step.once.shown, step.once.credits) for step in cost.steps] == [
        ("messages", 5, D(5)),
        ("talk", 1, D("0.39")),
    ]
    assert (cost.once.shown, cost.once.shown_usd, cost.once.exact.credits) == (6, D("0.03"), D("5.39"))


def test_five_minute_call_costs_seventy_six_credits() -> None:
    cost = part("call", CALL.steps(), D(1), rates())
    assert {step.step.name: (step.once.shown, step.once.credits) for step in cost.steps} == {
        "call": (50, D(50)),
        "talk": (1, D("0.78")),
        "speech": (20, D("19.26")),
        "transcription": (5, D(5)),
    }
    assert (cost.once.shown, cost.once.shown_usd) == (76, D("0.38"))
    assert cost.once.usd_per(D(5)) == D("0.076")
    assert cost.once.exact.credits == D("75.04")


def test_a_month_is_rounded_once_and_not_per_conversation() -> None:
    cost = part("chat", ChatAgent(D(5), TALK).steps(), D(1_000), rates())
    assert cost.month.shown == 5_000 + 390
    assert cost.month.exact.credits == D(5_390)


def test_context_tiers_count_for_a_turn_and_not_for_the_conversation() -> None:
    """Five turns of 4,000 tokens are 20,000, but no request is over the 10,000 of the tier."""
    below = part("chat", ChatAgent(D(5), Talk(CHAT, D(4_000), D(100))).steps(), D(1), rates()).steps[1]
    above = part("chat", ChatAgent(D(5), Talk(CHAT, D(10_001), D(100))).steps(), D(1), rates()).steps[1]
    assert below.month.usd == (20_000 * D("0.15") + 500 * D("0.6")) / M
    assert above.month.usd == (50_005 * D("0.3") + 500 * D("1.2")) / M


def test_history_grows_turn_by_turn_and_reaches_the_next_tier() -> None:
    talk = Talk(CHAT, D(9_000), D(400), history=True, message=D(100))
    cost = part("chat", ChatAgent(D(4), talk).steps(), D(1), rates()).steps[1]
    # 9,000, 9,500 and 10,000 tokens at the lower price, 10,500 at the higher one.
    expected = 28_500 * D("0.15") + 1_200 * D("0.6") + 10_500 * D("0.3") + 400 * D("1.2")
    assert cost.month.usd == expected / M
    assert sum(line.quantity for line in cost.lines if line.meter == "input_tokens") == 39_000
    assert cost.largest["input_tokens"] == 10_500


def test_a_part_of_a_turn_is_a_part_of_its_price() -> None:
    talk = Talk(CHAT, D(1_000), D(100), history=True, message=D(100))
    whole, more = (part("chat", ChatAgent(turns, talk).steps(), D(1), rates()) for turns in (D(2), D("2.5")))
    third = (1_400 * D("0.15") + 100 * D("0.6")) / M
    assert more.steps[1].month.usd - whole.steps[1].month.usd == third / 2


def test_cached_tokens_are_taken_out_of_the_input() -> None:
    cost = part("chat", ChatAgent(D(1), Talk(CHAT, D(1_000), D(0), cached=D(40))).steps(), D(1), rates()).steps[1]
    assert {line.meter: line.quantity for line in cost.lines} == {"input_tokens": 600, "cached_input_tokens": 400}
    assert cost.month.usd == (600 * D("0.15") + 400 * D("0.075")) / M


@given(
    minutes=st.decimals("0.1", "240", places=2),
    characters=st.integers(1, 10_000),
    speaking=st.decimals("0", "100", places=2),
    turns=st.decimals("0.1", "20", places=2),
)
def test_utterances_are_whole_and_add_up(minutes: D, characters: int, speaking: D, turns: D) -> None:
    said = VoiceAgent(minutes, D(characters), speaking, turns, None, VOICE).utterances()
    assert sum((size * times for size, times in said), D(0)) == minutes * characters * speaking / 100
    assert all(size == int(size) and times > 0 for size, times in said)


@given(
    turns=st.integers(1, 60),
    tokens=st.tuples(st.integers(0, 30_000), st.integers(0, 4_000), st.integers(0, 500)),
    cached=st.integers(0, 100),
    conversations=st.integers(1, 10**9),
    history=st.booleans(),
)
def test_the_exact_sum_is_the_sum_over_every_single_turn(
    turns: int, tokens: tuple[int, int, int], cached: int, conversations: int, history: bool
) -> None:
    into, out, message = tokens
    talk = Talk(CHAT, D(into), D(out), D(cached), history, D(message))
    cost = part("chat", ChatAgent(D(turns), talk).steps(), D(conversations), rates())
    usd = Fraction(0)
    for turn in range(turns):
        sent = into + (turn * (message + out) if history else 0)
        high = 2 if sent > 10_000 else 1
        read = Fraction(sent * cached, 100)
        usd += (sent - read) * Fraction("0.15") * high + read * Fraction("0.075") + out * Fraction("0.6") * high
    expected = (usd / M + turns * Fraction("0.005")) * conversations
    assert Fraction(cost.month.exact.usd) == expected
    messages, talked = (step.month for step in cost.steps)
    assert cost.month.shown == messages.shown + talked.shown
    assert 0 <= talked.shown - Fraction(talked.credits) < 1


def test_a_price_that_never_ends_is_not_rounded_up_past_a_whole_number() -> None:
    """$1 an hour: 60 calls of a minute are a dollar, although none of them is a finite number of cents."""
    ears = prices("acme/slow", point("audio_input_seconds", "1", 3_600), modality="transcription")
    agent = VoiceAgent(D(1), D(856), D(50), D(2), None, transcriber="acme/slow")
    cost = part("call", agent.steps(), D(60), rates(slow=ears)).steps[1]
    assert cost.month.shown == 200
    assert cost.month.credits == 200


@pytest.mark.parametrize(
    ("points", "usd"),
    [
        ((point("audio_output_seconds", "0.01"),), D("1.5")),  # 2,140 characters at 856 a minute: 150 seconds
        ((point("input_tokens", "1", 1_000), point("output_tokens", "1", 100)), D("2140") * (D("0.0003") + D("0.016"))),
        ((point("requests", "0.02"),), D("0.2")),
    ],
)
def test_voices_sold_by_other_meters_are_counted_by_those(points: tuple[PricePoint, ...], usd: D) -> None:
    voice = prices("acme/other", *points, modality="speech")
    agent = VoiceAgent(D(5), D(856), D(50), D(2), None, voice="acme/other")
    cost = part("call", agent.steps(), D(1), rates(other=voice)).steps[1]
    assert (cost.problem, settled(cost.month.usd)) == ("", usd)
    assert cost.note.startswith("Sold by the")


def test_what_has_no_price_is_in_no_sum() -> None:
    steps = (*ChatAgent(D(5), Talk("acme/unknown", D(1), D(1))).steps(), Extra("moon_days", D(3)).step())
    cost = part("chat", steps, D(1), rates())
    assert [step.problem for step in cost.steps] == ["", "unknown_model", "unknown_meter"]
    assert cost.once.exact.credits == 5


def test_more_than_a_ledger_holds_is_a_problem_and_no_error() -> None:
    cost = part("extras", [Extra("container_days", D(10) ** 12).step()], D(1), rates())
    assert cost.steps[0].problem == "amount_out_of_range"


def schedule(*, graduated: bool, steps: tuple[Step, ...]) -> Terms:
    scope = Scope("acme", "chat", "output_tokens")
    return Terms(schedules=(Schedule(1, scope, AT, None, graduated=graduated, steps=steps),))


@given(
    graduated=st.booleans(),
    out=st.integers(1, 700),
    conversations=st.integers(1, 12),
    turns=st.integers(1, 4),
    first=st.integers(1, 4_000),
    further=st.integers(1, 4_000),
)
def test_a_month_climbs_the_steps_of_its_quantity_as_single_requests_do(
    graduated: bool, out: int, conversations: int, turns: int, first: int, further: int
) -> None:
    steps = (Step(D(first), D(20)), Step(D(first + further), price=D("0.01"), per=1_000))
    terms = schedule(graduated=graduated, steps=steps)
    priced = replace(rates(), terms=terms)
    agent = ChatAgent(D(turns), Talk(CHAT, D(100), D(out)))
    cost = part("chat", agent.steps(), D(conversations), priced).steps[1]
    counted, usd = D(0), D(0)
    for _ in range(turns * conversations):
        rating = rate(
            priced.book[CHAT],
            usage={"input_tokens": D(100), "output_tokens": D(out)},
            variant={},
            at=AT,
            usd_per_credit=D(1),
            terms=terms,
            counted={"output_tokens acme/chat": counted},
        )
        usd += rating.usd
        counted += out
    assert cost.month.usd == usd
    assert sum(line.quantity for line in cost.lines if line.meter == "output_tokens") == counted


def test_a_great_month_climbs_its_steps_in_no_time_and_parts_count_together() -> None:
    priced = replace(rates(), terms=schedule(graduated=True, steps=(Step(D(10**9), D(50)),)))
    counted: dict[str, Decimal] = {}
    agent = ChatAgent(D(5), Talk(CHAT, D(0), D(100)))
    first, second = (part("chat", agent.steps(), D(10**6), priced, counted).steps[1] for _ in range(2))
    assert first.month.usd == 5 * 10**8 * D("0.6") / M
    assert second.month.usd == 5 * 10**8 * D("0.6") / M
    third = part("chat", agent.steps(), D(10**6), priced, counted).steps[1]
    assert third.month.usd == first.month.usd / 2


def test_of_a_meter_whose_events_are_counted_the_quantity_is_their_number() -> None:
    priced = rates()
    platform = replace(priced.book[""], aggregated={"container_days": "count"})  # type: ignore[type-var]
    priced = replace(priced, book={"": platform})
    cost = part("extras", [Extra("container_days", D(7), events=True).step()], D(1), priced)
    assert cost.once.exact.usd == 7 * D("0.67")


@pytest.mark.parametrize("credit", ["1", "0.005", "0.0001", "0.003"])
def test_credits_of_any_value(credit: str) -> None:
    cost = part("extras", [Extra("container_days", D(3)).step()], D(1), rates(credit))
    assert cost.once.exact.usd == D("2.01")
    assert cost.once.shown == -(-Fraction("2.01") // Fraction(credit))
