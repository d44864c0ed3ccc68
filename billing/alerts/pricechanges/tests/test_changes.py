"""What is news about two price lists."""

from decimal import Decimal

import pytest

from billing.alerts.pricechanges.changes import ModelChange, PriceChange, differences
from billing.pricing.display import Price
from billing.pricing.tests.builders import NOON


def price(usd: str, meter: str = "input_tokens", per: int = 1_000_000, **variant: str) -> Price:
    amount = Decimal(usd)
    return Price(meter, meter, "token", variant, amount, per, amount / Decimal("0.005"), amount, Decimal(0), 1)


def found(before: list[Price], after: list[Price]) -> list[tuple[str, dict[str, str], Decimal | None]]:
    return [(each.after.meter, dict(each.after.variant), each.percent) for each in differences(before, after)]


def test_only_what_differs_is_news() -> None:
    before, after = [price("1"), price("2", "output_tokens")], [price("1.5"), price("2", "output_tokens")]
    assert found(before, after) == [("input_tokens", {}, Decimal(50))]
    ((_, _, percent),) = found(after, before)
    assert percent is not None
    assert round(percent, 3) == Decimal("-33.333")


@pytest.mark.parametrize(
    ("old", "new", "is_news"),
    [("1000", "1000.99", False), ("1000", "1001", True), ("1000", "999.01", False), ("0", "1", True), ("1", "0", True)],
)
def test_less_than_a_thousandth_is_not_news(old: str, new: str, is_news: bool) -> None:
    assert bool(differences([price(old)], [price(new)])) is is_news


def test_the_same_price_for_another_number_of_units_is_not_news() -> None:
    assert found([price("1", per=1_000)], [price("1000", per=1_000_000)]) == []


def test_a_variant_on_one_side_only_is_held_against_what_it_falls_back_to() -> None:
    plain, batch = price("2"), price("1", tier="batch")
    assert found([plain], [plain, batch]) == [("input_tokens", {"tier": "batch"}, Decimal(-50))]
    assert found([plain, batch], [plain]) == [("input_tokens", {"tier": "batch"}, Decimal(100))]
    both = price("3", tier="batch", context_over="200000")
    assert found([plain, batch], [plain, batch, both]) == [
        ("input_tokens", {"tier": "batch", "context_over": "200000"}, Decimal(200))
    ]


def test_a_meter_that_was_not_sold_before_is_not_news() -> None:
    assert found([price("1")], [price("1"), price("9", "images")]) == []


def test_one_dearer_price_makes_it_a_rise() -> None:
    prices = differences([price("1"), price("2", "output_tokens")], [price("1.1"), price("1", "output_tokens")])
    change = ModelChange("acme", "m1", "M1", NOON, prices)
    assert change.rise
    assert change.percents == (Decimal(-50), Decimal(10))
    assert not ModelChange("acme", "m1", "M1", NOON, prices[1:]).rise
    was_free = PriceChange(price("0"), price("1"))
    assert ModelChange("acme", "m1", "M1", NOON, (was_free,)).percents is None
