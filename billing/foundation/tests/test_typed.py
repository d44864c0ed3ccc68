from decimal import Decimal

import pytest

from billing.foundation.typed import number_typed


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12,000", "12000"),
        ("12 000", "12000"),
        ("12\u202f000", "12000"),
        ("1_000.50", "1000.5"),
        ("2.5", "2.5"),
        (".5", "0.5"),
        ("-3", "-3"),
        ("0", "0"),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, number: str) -> None:
    assert number_typed(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", " ", "abc", "1e5", "NaN", "Infinity", "1.2.3", "--1", "٣", "9" * 50])
def test_what_is_no_number_is_none(text: str) -> None:
    assert number_typed(text) is None
