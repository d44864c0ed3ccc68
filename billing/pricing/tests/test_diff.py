"""What a new reading changes and what must wait."""

from dataclasses import replace
from decimal import Decimal

import pytest

from billing.pricing.diff import plan
from billing.pricing.sources.rows import PriceRow, clean, resolve_conflicts


def row(meter: str = "input_tokens", price: str = "2", per: int = 1_000_000, **fields: object) -> PriceRow:
    return PriceRow("acme", "m1", meter, "token", Decimal(price), per, **fields)  # type: ignore[arg-type]


def keyed(*rows: PriceRow) -> dict[object, PriceRow]:
    return {each.identity: each for each in rows}


def test_small_changes_apply_and_new_lines_are_added() -> None:
    result = plan(keyed(row()), keyed(row(price="2.5"), row("output_tokens")))  # type: ignore[arg-type]
    assert [(old.price, new.price) for old, new in result.changed] == [(2, Decimal("2.5"))]
    assert [new.meter for new in result.added] == ["output_tokens"]
    assert not result.held


def test_equal_prices_in_other_units_are_unchanged() -> None:
    hourly = row("audio_input_seconds", "0.36", 3600)
    result = plan(keyed(hourly), keyed(row("audio_input_seconds", "0.006", 60)))  # type: ignore[arg-type]
    assert (result.unchanged, result.changed, result.held) == (1, [], [])


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (row(price="2.52"), "jump of +26%"),
        (row(price="1.49"), "jump of -26%"),
        (row(price="0"), "to zero"),
        (replace(row(), unit="character"), "unit was token"),
        (row(currency="EUR"), "currency EUR"),
        (row("output_tokens", "0"), "new, price zero"),
    ],
)
def test_guards_hold_what_may_be_an_error(new: PriceRow, reason: str) -> None:
    result = plan(keyed(row()), keyed(row(), new))  # type: ignore[arg-type]
    assert [held.reason for held in result.held] == [reason]
    assert not result.changed
    assert not result.added


def test_a_price_may_not_leave_zero_alone_but_the_platforms_own_may() -> None:
    free, paid = keyed(row(price="0")), keyed(row(price="1"))
    assert [held.reason for held in plan(free, paid).held] == ["from zero"]  # type: ignore[arg-type]
    assert len(plan(free, paid, zero_is_meant=True).changed) == 1  # type: ignore[arg-type]
    assert len(plan({}, free, zero_is_meant=True).added) == 1  # type: ignore[arg-type]


def test_a_tenth_may_vanish_and_more_is_refused() -> None:
    rows = [row(f"m{number}") for number in range(20)]
    fine = plan(keyed(*rows), keyed(*rows[2:]))  # type: ignore[arg-type]
    assert (len(fine.retired), fine.abort) == (2, "")
    broken = plan(keyed(*rows), keyed(*rows[3:], row("new")))  # type: ignore[arg-type]
    assert broken.abort == "3 of 20 lines vanished"
    assert not broken.added
    assert not plan(keyed(*rows), keyed(*rows[3:]), vanish=Decimal("0.2")).abort  # type: ignore[arg-type]


def test_models_that_retired_before_do_not_vanish_again() -> None:
    result = plan(keyed(row()), {}, retired_models={("acme", "m1")})  # type: ignore[arg-type]
    assert (result.retired, result.abort) == ([], "")


def test_of_two_prices_for_one_line_the_dearer_is_kept_and_counted() -> None:
    kept, clashes = resolve_conflicts([row(price="1"), row(price="3"), row(price="2"), row(price="3")])
    assert [each.price for each in kept.values()] == [3]
    assert clashes == 2


def test_the_noise_of_binary_fractions_is_removed() -> None:
    assert clean(Decimal("0.18000000000000002")) == Decimal("0.18")
    assert clean(Decimal("0.041666666666666664")) == Decimal("0.0416666666667")
    assert clean(Decimal("1.3E-16")) == 0
