"""From usage to nano-credits."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.credits.units import AmountOutOfRange
from billing.pricing.rating import rate
from billing.pricing.tests.builders import CREDIT, NOON, M, model, point, rated

MINI = model(
    point("input_tokens", "0.15", M, price_id=1),
    point("cached_input_tokens", "0.075", M, price_id=2),
    point("output_tokens", "0.6", M, price_id=3),
)


def test_the_published_example_costs_0_063_and_0_072_credits() -> None:
    estimate = rated(MINI, {"input_tokens": 900, "output_tokens": 300})
    assert (estimate.nano, estimate.usd) == (63_000_000, Decimal("0.000315"))
    assert [(line.meter, line.quantity, line.price_id, line.credits) for line in estimate.lines] == [
        ("input_tokens", 900, 1, Decimal("0.027")),
        ("output_tokens", 300, 3, Decimal("0.036")),
    ]
    assert rated(MINI, {"input_tokens": 1200, "output_tokens": 300}).nano == 72_000_000


def test_markup_is_on_the_line_and_in_the_price() -> None:
    rating = rated(
        model(point("embedding_tokens", "0.02", M), markup="20"), {"embedding_tokens": 1000}, usd_per_credit=Decimal(1)
    )
    assert rating.usd == Decimal("0.000024")
    assert rating.nano == 24_000
    assert rating.lines[0].markup_percent == 20
    assert rating.lines[0].price_usd == Decimal("0.02")


def test_a_markup_fixed_on_the_line_wins_and_the_platforms_own_lines_have_none() -> None:
    prices = model(
        point("messages", "0.005", platform=True),
        point("call_minutes", "0.05", platform=True, markup=Decimal(10)),
        point("images", "0.04"),
        markup="20",
    )
    rating = rated(prices, {"messages": 1, "call_minutes": 2, "images": 1})
    assert [line.usd for line in rating.lines] == [Decimal("0.005"), Decimal("0.11"), Decimal("0.048")]
    assert rating.nano == 1_000_000_000 + 22_000_000_000 + 9_600_000_000


def test_an_event_is_rounded_once_half_even_and_up_for_holds() -> None:
    half = model(point("a", "0.0000000005"), point("b", "0.0000000010"), point("c", "0.0000000015"))
    one = Decimal(1)
    assert rated(half, {"a": 1}, usd_per_credit=one).nano == 0
    assert rated(half, {"c": 1}, usd_per_credit=one).nano == 2
    assert rated(half, {"a": 1, "c": 1}, usd_per_credit=one).nano == 2
    assert rated(half, {"a": 1}, usd_per_credit=one, round_up=True).nano == 1
    assert rated(half, {"b": 1}, usd_per_credit=one, round_up=True).nano == 1


def test_sums_of_endless_fractions_are_rounded_as_if_they_were_exact() -> None:
    thirds = model(point("a", "0.000000001", 3), point("b", "0.000000001", 6), point("c", "0.000000002", 3))
    one = Decimal(1)
    assert rated(thirds, {"a": 1, "b": 1}, usd_per_credit=one).nano == 0  # exactly a half, to even
    assert rated(thirds, {"c": 1, "a": 1, "b": 3}, usd_per_credit=one).nano == 2  # 1.5
    assert rated(thirds, {"a": 1, "c": 1}, usd_per_credit=one, round_up=True).nano == 1


prices_st = st.decimals("0", "1000", places=9, allow_nan=False)
line_st = st.tuples(prices_st, st.sampled_from([1, 60, 1000, 3600, M, 10**9]), st.decimals("0", "1e9", places=9))


@settings(max_examples=200, deadline=None)
@given(st.lists(line_st, min_size=1, max_size=4), st.decimals("0", "90", places=3), st.booleans())
def test_the_result_is_the_exact_formula(lines: list[tuple[Decimal, int, Decimal]], markup: Decimal, up: bool) -> None:
    points = [point(f"m{i}", str(price), per) for i, (price, per, _) in enumerate(lines)]
    usage = {f"m{i}": str(quantity) for i, (_, _, quantity) in enumerate(lines)}
    exact = sum(
        Fraction(quantity) * Fraction(price) * (100 + Fraction(markup)) / 100 / per / Fraction(CREDIT) * 10**9
        for price, per, quantity in lines
    )
    expected = -(-exact.numerator // exact.denominator) if up else round(exact)
    if expected < 2**63:
        assert rated(model(*points, markup=str(markup)), usage, round_up=up).nano == expected


def test_a_charge_the_ledger_cannot_hold_is_refused() -> None:
    with pytest.raises(AmountOutOfRange):
        rated(model(point("images", "1000")), {"images": "1000000000000"})


def test_unknown_models_and_meters_are_named_and_cost_nothing() -> None:
    assert rate(None, usage={}, variant={}, at=NOON, allowances={}, usd_per_credit=CREDIT).problem == "unknown_model"
    rating = rated(MINI, {"input_tokens": 5, "unicorns": 1, "images": 2})
    assert (rating.problem, rating.nano, rating.lines) == ("unknown_meter", 0, ())
    assert "unicorns has no price at acme/m1" in rating.detail
    assert "images" in rating.detail


def test_zero_quantities_are_no_problem() -> None:
    rating = rated(MINI, {"input_tokens": 900, "unicorns": 0, "cached_input_tokens": 0})
    assert (rating.problem, rating.nano, len(rating.lines)) == ("", 27_000_000, 1)
    assert rated(MINI, {}).nano == 0


def test_allowances_are_used_before_credits() -> None:
    prices = model(point("input_characters", "40", M), modality="speech")
    rating = rated(prices, {"input_characters": 1500}, allowances={"input_characters": 1000})
    assert (rating.lines[0].quantity, rating.lines[0].from_allowance) == (1500, 1000)
    assert rating.usd == Decimal("0.02")
    covered = rated(prices, {"input_characters": 10}, allowances={"input_characters": 1000})
    assert (covered.nano, covered.lines[0].from_allowance) == (0, 10)


def test_what_is_included_is_used_once_by_two_lines_of_one_meter() -> None:
    prices = model(point("embedding_tokens", "0.02", M))
    usage = {"embedding_tokens": 100, "cached_input_tokens": 10}
    rating = rated(prices, usage, allowances={"embedding_tokens": 105})
    assert [line.meter for line in rating.lines] == ["embedding_tokens", "embedding_tokens"]
    assert sum(line.from_allowance for line in rating.lines) == 105


class TestParts:
    def test_cached_tokens_are_taken_out_of_the_input(self) -> None:
        rating = rated(MINI, {"input_tokens": 1000, "cached_input_tokens": 400, "output_tokens": 10})
        assert [(line.meter, line.quantity) for line in rating.lines] == [
            ("input_tokens", 600),
            ("cached_input_tokens", 400),
            ("output_tokens", 10),
        ]

    def test_parts_without_a_price_are_billed_inside_the_whole(self) -> None:
        usage = {"input_tokens": 1000, "cache_write_tokens": 300, "output_tokens": 50, "reasoning_tokens": 40}
        rating = rated(MINI, usage)
        assert [(line.meter, line.quantity) for line in rating.lines] == [("input_tokens", 1000), ("output_tokens", 50)]

    def test_reasoning_has_its_own_price_only_where_one_is_published(self) -> None:
        prices = model(point("output_tokens", "1", M), point("reasoning_tokens", "3", M))
        rating = rated(prices, {"output_tokens": 50, "reasoning_tokens": 40})
        assert {line.meter: line.quantity for line in rating.lines} == {"output_tokens": 10, "reasoning_tokens": 40}

    def test_a_whole_that_was_not_sent_is_the_sum_of_its_parts(self) -> None:
        rating = rated(MINI, {"cached_input_tokens": 400, "cache_write_tokens": 100})
        assert {line.meter: line.quantity for line in rating.lines} == {"cached_input_tokens": 400, "input_tokens": 100}

    def test_a_whole_smaller_than_its_part_bills_the_part(self) -> None:
        rating = rated(MINI, {"input_tokens": 100, "cached_input_tokens": 400})
        assert {line.meter: line.quantity for line in rating.lines} == {"cached_input_tokens": 400}
        assert rated(MINI, {"input_tokens": 100, "cache_write_tokens": 400}).lines[0].quantity == 400

    def test_cached_audio_is_part_of_cached_and_of_audio_and_counted_once(self) -> None:
        prices = model(
            point("input_tokens", "1", M),
            point("cached_input_tokens", "0.5", M),
            point("input_audio_tokens", "10", M),
            point("cache_audio_read_tokens", "2", M),
        )
        usage = {"input_tokens": 1000, "cached_input_tokens": 300, "input_audio_tokens": 200}
        rating = rated(prices, {**usage, "cache_audio_read_tokens": 100})
        assert {line.meter: line.quantity for line in rating.lines} == {
            "input_tokens": 600,
            "cached_input_tokens": 200,
            "input_audio_tokens": 100,
            "cache_audio_read_tokens": 100,
        }

    def test_prompt_tokens_of_an_embedding_are_its_embedding_tokens(self) -> None:
        embedding = model(point("embedding_tokens", "0.02", M), modality="embedding")
        for usage in ({"input_tokens": 500}, {"embedding_tokens": 500}, {"input_tokens": 500, "embedding_tokens": 500}):
            assert [(line.meter, line.quantity) for line in rated(embedding, usage).lines] == [
                ("embedding_tokens", 500)
            ]

    def test_parts_of_a_repeat_repeat_as_well_unless_they_have_a_price(self) -> None:
        embedding = model(point("embedding_tokens", "0.02", M), modality="embedding")
        for parts in (
            {"cached_input_tokens": M},
            {"input_tokens": M, "cached_input_tokens": M},
            {"cached_input_tokens": M, "cache_audio_read_tokens": M, "input_text_tokens": M},
        ):
            rating = rated(embedding, {"embedding_tokens": M, **parts})
            assert [(line.meter, line.quantity) for line in rating.lines] == [("embedding_tokens", M)]
            assert rating.nano == 4_000_000_000
        assert rated(embedding, {"cached_input_tokens": M}).nano == 4_000_000_000  # nothing else counted them
        points = (point("embedding_tokens", "0.02", M), point("input_image_tokens", "1", M))
        pictures = model(*points, modality="embedding")
        usage = {"embedding_tokens": 500, "cached_input_tokens": 500, "cache_image_read_tokens": 20}
        assert {line.meter: line.quantity for line in rated(pictures, usage).lines} == {
            "embedding_tokens": 500,
            "input_image_tokens": 20,
        }

    def test_one_thing_counted_twice_is_billed_once(self) -> None:
        speech = model(point("input_characters", "40", M), modality="speech")
        rating = rated(speech, {"input_characters": 100, "audio_output_seconds": "5.8"})
        assert (rating.problem, [line.meter for line in rating.lines]) == ("", ["input_characters"])
        image = model(point("output_tokens", "30", M), point("images", "0.04"), modality="image")
        assert [line.meter for line in rated(image, {"output_tokens": 1290, "images": 1}).lines] == ["output_tokens"]
        assert [line.meter for line in rated(image, {"images": 1}).lines] == ["images"]
        assert rated(MINI, {"output_tokens": 5, "images": 1}).problem == "unknown_meter"  # a text model


class TestFees:
    def test_a_fee_per_request_is_due_once_even_when_requests_are_not_sent(self) -> None:
        prices = model(point("input_tokens", "1", M), point("requests", "5", 1000))
        assert rated(prices, {"input_tokens": 1000}).usd == Decimal("0.006")
        assert rated(prices, {"input_tokens": 1000, "requests": 2}).usd == Decimal("0.011")

    def test_it_is_not_due_for_the_platforms_own_meters(self) -> None:
        prices = model(point("messages", "0.005", platform=True), point("requests", "5", 1000))
        assert rated(prices, {"messages": 1}).usd == Decimal("0.005")

    def test_a_minimum_is_billed_when_less_is_used(self) -> None:
        prices = model(point("audio_input_seconds", "0.36", 3600, minimum="10"), modality="transcription")
        assert rated(prices, {"audio_input_seconds": 3}).lines[0].quantity == 10
        assert rated(prices, {"audio_input_seconds": 30}).lines[0].quantity == 30
        assert rated(prices, {"audio_input_seconds": 0}).lines == ()
