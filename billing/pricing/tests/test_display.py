"""Prices in words."""

from decimal import Decimal

import pytest

from billing.pricing.display import published_text


@pytest.mark.parametrize(
    ("price", "per", "unit", "text"),
    [
        ("2.50", 1_000_000, "token", "$2.5 / 1M tokens"),
        ("0.05", 1_000, "character", "$0.05 / 1K characters"),
        ("0.1", 3_600, "second", "$0.1 / 3,600 seconds"),
        ("0.04", 1, "image", "$0.04 / image"),
        ("5", 1_000, "search", "$5 / 1K searches"),
        ("0", 1, "call", "$0 / call"),
        ("100", 1, "clone", "$100 / clone"),
    ],
)
def test_a_price_as_it_is_published(price: str, per: int, unit: str, text: str) -> None:
    assert published_text(Decimal(price), per, unit) == text
