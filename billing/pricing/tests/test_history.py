"""How prices changed, as customers paid them."""

from datetime import datetime, timedelta
from decimal import Decimal

from billing.pricing.display import Price
from billing.pricing.history import Change, changes, stretches
from billing.pricing.tariff import EXACT, HUNDRED, MarkupPoint, ModelPrices
from billing.pricing.tests.builders import NOON, M, point

DAY = timedelta(days=1)


def told(prices: ModelPrices) -> list[Change]:
    def read(at: datetime) -> list[Price]:
        markup = prices.markup_at(at)
        found = []
        for each in prices.current(at):
            usd = EXACT.divide(EXACT.multiply(each.price, HUNDRED + markup), HUNDRED)
            credits = usd * 200
            found.append(
                Price(
                    each.meter,
                    each.meter,
                    "token",
                    each.dims,
                    usd,
                    each.per,
                    credits,
                    each.price,
                    markup,
                    each.price_id,
                )
            )
        return found

    return changes(stretches(prices.edges, read))


def test_what_was_there_since_ever_is_no_change() -> None:
    assert told(ModelPrices("a", "m", [point("input_tokens", "1", M)])) == []


def test_a_new_price_closes_the_old_one_and_markups_change_it_too() -> None:
    old = point("input_tokens", "2", M, price_id=1, ends=NOON)
    new = point("input_tokens", "3", M, price_id=2, starts=NOON)
    prices = ModelPrices("a", "m", [old, new], (MarkupPoint(0, Decimal(20), NOON + DAY),))
    markup, price = told(prices)
    assert (price.at, price.percent) == (NOON, Decimal(50))
    assert price.old is not None
    assert price.new is not None
    assert (price.old.price_usd, price.new.price_usd) == (2, 3)
    assert (markup.at, markup.percent) == (NOON + DAY, Decimal(20))


def test_a_price_that_stays_what_it_was_is_not_told() -> None:
    """Another source, another number of units, a markup that makes up for it: nothing that a customer could see."""
    old = point("input_tokens", "2", M, price_id=1, ends=NOON)
    same = point("input_tokens", "0.002", 1_000, price_id=2, starts=NOON)
    assert told(ModelPrices("a", "m", [old, same])) == []


def test_new_and_ended_prices_have_one_side_and_no_percent() -> None:
    plain = point("input_tokens", "2", M)
    batch = point("input_tokens", "1", M, tier="batch", starts=NOON, ends=NOON + DAY)
    ended, begun = told(ModelPrices("a", "m", [plain, batch]))
    assert (begun.old, begun.new and begun.new.variant, begun.percent) == (None, {"tier": "batch"}, None)
    assert (ended.new, ended.old and ended.old.variant, ended.price.meter) == (None, {"tier": "batch"}, "input_tokens")


def test_the_first_price_of_a_model_is_no_change() -> None:
    assert told(ModelPrices("a", "m", [point("input_tokens", "2", M, starts=NOON)])) == []


def test_from_free_has_no_percent() -> None:
    old = point("input_tokens", "0", M, ends=NOON)
    (change,) = told(ModelPrices("a", "m", [old, point("input_tokens", "1", M, starts=NOON)]))
    assert change.percent is None
