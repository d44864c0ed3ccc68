"""Prices that appear later."""

from decimal import Decimal

from billing.pricing.services import import_reading
from billing.pricing.sources.rows import ModelRow, PriceRow, Reading, dims_of

_M = 1_000_000


def price_appears(model: str = "acme/brain", *, aliases: tuple[str, ...] = (), **usd: str) -> None:
    """The operator's first prices of a model: USD per million of each meter; by default $1 for input, $2 for output."""
    provider, _, name = model.partition("/")
    prices = usd or {"input_tokens": "1", "output_tokens": "2"}
    rows = [PriceRow(provider, name, meter, "unit", Decimal(price), _M, dims_of()) for meter, price in prices.items()]
    models = [ModelRow(provider, name, name, "text", aliases=aliases, by_maker=True)] if name else []
    import_reading(Reading("operator", f"{model} {usd}", rows, models))
