from decimal import Decimal

import pytest

from billing.overview.numbers import axis_text, compact_text, count_text, days_text, measure_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("1204", "1,204"),
        ("48.50", "48.5"),
        ("5.81234", "5.812"),
        ("0.0004", "0.0004"),
        ("1E+6", "1,000,000"),
    ],
)
def test_counts_keep_what_matters(value: str, text: str) -> None:
    assert count_text(Decimal(value)) == text


@pytest.mark.parametrize(("value", "text"), [("950", "950"), ("1200", "1.2K"), ("36000000", "36M"), ("0.25", "0.25")])
def test_axes_are_short(value: str, text: str) -> None:
    assert compact_text(Decimal(value)) == text


def test_credits_are_measured_from_nano_credits() -> None:
    assert measure_text(63_000_000, "credits") == "0.063"
    assert measure_text(63, "requests") == "63"
    assert axis_text(12_500 * 10**9, "credits") == "12.5K"


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ("0.02", "under an hour"),
        ("0.05", "1 hour"),
        ("1.5", "36 hours"),
        ("16.9", "16 days"),
        ("200", "6 months"),
        ("900", "over a year"),
    ],
)
def test_runway_is_never_more_exact_than_the_estimate(days: str, text: str) -> None:
    assert days_text(Decimal(days)) == text
