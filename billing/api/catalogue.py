"""Answers of the price list."""

from typing import Any

from billing.api.problems import invalid
from billing.api.schemas.lists import ModelsQuery
from billing.pricing.display import Price
from billing.pricing.selectors import BadCursor, ModelListing, last_refreshed, models_list


def models(query: ModelsQuery) -> dict[str, Any]:
    try:
        page = models_list(
            search=query.search or "",
            provider=query.provider or "",
            modality=query.modality or "",
            limit=query.limit,
            cursor=query.cursor or "",
        )
    except BadCursor as error:
        raise invalid("This is not a cursor of this list.", parameter="cursor") from error
    return {
        "data": [_model(row) for row in page.rows],
        "next_cursor": page.next_cursor,
        "refreshed_at": last_refreshed(),
    }


def _model(row: ModelListing) -> dict[str, Any]:
    return {
        "model": row.ref,
        "provider": row.provider,
        "name": row.name,
        "modality": row.modality,
        "context_window": row.context_window,
        "prices": [_price(price) for price in row.prices],
    }


def _price(price: Price) -> dict[str, Any]:
    return {
        "meter": price.meter,
        "unit": price.unit,
        "per": price.per,
        "variant": dict(price.variant),
        "price_usd": price.published_usd,
        "markup_percent": price.markup_percent,
        "customer_price_usd": price.price_usd,
        "credits": price.credits,
    }
