"""Answers of the price list."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from accounts.models import Workspace
from billing.api import csvtext, jsontext
from billing.api.operations import answer
from billing.api.problems import Problem, invalid
from billing.api.schemas.lists import ModelsQuery
from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.metering.selectors.work import costs, costs_on, works
from billing.pricing.detail import Origin, model_detail
from billing.pricing.display import Price
from billing.pricing.history import Change, identity
from billing.pricing.models import CatalogModel
from billing.pricing.names import Key
from billing.pricing.selectors import MOST, BadCursor, ModelListing, ModelPage, last_refreshed, listings, models_list
from billing.pricing.shelf import shelf
from billing.pricing.tariff import EXACT
from billing.pricing.terms import terms_for

MODEL_COLUMNS = ("model", "provider", "name", "modality", "context_window", "retired")
PRICE_COLUMNS = (
    *("meter", "variant", "unit", "per", "price_usd", "markup_percent", "discount_percent", "list_price_usd"),
    *("customer_price_usd", "credits"),
)
COLUMNS = (*MODEL_COLUMNS, *PRICE_COLUMNS, "month_cost_usd", "month_cost_credits")
ROUNDED = Decimal("0.0001")


def models(request: HttpRequest, workspace: Workspace, query: ModelsQuery) -> HttpResponseBase:
    """The page asked for, or the whole selection as CSV."""
    if csvtext.wanted(request):
        return csvtext.respond("models", COLUMNS, _csv(workspace, query))
    page = _page(workspace, query, limit=query.limit, cursor=query.cursor or "")
    return answer(
        {
            "data": _models(workspace, page.rows),
            "next_cursor": page.next_cursor,
            "refreshed_at": last_refreshed(),
        }
    )


def model(workspace: Workspace, ref: str) -> HttpResponseBase:
    """One model by any name that usage may call it."""
    found = None if "\0" in ref else model_detail(ref, terms=terms_for(workspace.pk))
    if found is None:
        raise Problem("not_found", "The catalogue has no model of this name.")
    (document,) = _models(workspace, [found.listing])
    return answer(
        {
            **document,
            "sold_by_maker": found.by_maker,
            "names": list(found.names),
            "retired_at": found.retired_at,
            "sources": [_source(origin) for origin in found.origins],
            "history": [_change(change) for change in found.past],
            "announced": [_change(change) for change in found.ahead],
        }
    )


def _page(workspace: Workspace, query: ModelsQuery, *, limit: int, cursor: str) -> ModelPage:
    by_cost = query.sort == "cost"
    try:
        return models_list(
            search=query.search or "",
            provider=query.provider or "",
            modality=query.modality or "",
            min_usd=None if query.min_price_usd is None else Decimal(query.min_price_usd),
            max_usd=None if query.max_price_usd is None else Decimal(query.max_price_usd),
            sort="" if query.sort == "makers" else query.sort,
            costs=costs(workspace, usd_per_credit=site().usd_per_credit) if by_cost else None,
            limit=limit,
            cursor=cursor,
            terms=terms_for(workspace.pk),
        )
    except BadCursor as error:
        raise invalid("This is not a cursor of this list.", parameter="cursor") from error


def _csv(workspace: Workspace, query: ModelsQuery) -> Iterator[list[Any]]:
    cursor: str | None = ""
    while cursor is not None:
        page = _page(workspace, query, limit=MOST, cursor=cursor)
        for document in _models(workspace, page.rows):
            for price in document["prices"]:
                row = {**document, **price, "variant": jsontext.dumps(price["variant"]) if price["variant"] else ""}
                yield [row[column] for column in COLUMNS]
        cursor = page.next_cursor


def _models(workspace: Workspace, rows: Sequence[ModelListing]) -> list[dict[str, Any]]:
    terms, now, face = terms_for(workspace.pk), clock.now(), site().usd_per_credit
    months = costs_on(works(workspace), rows, now=now, terms=terms)
    listed: Mapping[Key, ModelListing] = {}
    if terms is not (everybody := terms_for(None)):
        listed = {row.key: row for row in listings(_cards(rows), now=now, usd_per_credit=face, terms=everybody)}
    return [_model(row, listed.get(row.key, row), months.get(row.key), face) for row in rows]


def _cards(rows: Sequence[ModelListing]) -> list[CatalogModel]:
    wanted = {row.key for row in rows}
    return [card.model for card in shelf().cards if card.key in wanted]


def _model(row: ModelListing, listed: ModelListing, month: Decimal | None, face: Decimal) -> dict[str, Any]:
    on_list = {identity(price): price for price in listed.prices}
    return {
        "model": row.ref,
        "provider": row.provider,
        "name": row.name,
        "modality": row.modality,
        "context_window": row.context_window,
        "retired": row.retired,
        "prices": [_price(price, on_list.get(identity(price))) for price in row.prices],
        "month_cost_usd": month,
        "month_cost_credits": None if month is None else EXACT.divide(month, face),
    }


def _price(price: Price, listed: Price | None) -> dict[str, Any]:
    return {
        "meter": price.meter,
        "unit": price.unit,
        "per": price.per,
        "variant": dict(price.variant),
        "price_usd": price.published_usd,
        "markup_percent": price.markup_percent,
        "customer_price_usd": price.price_usd,
        "credits": price.credits,
        "agreed": price.own,
        "discount_percent": price.discount_percent,
        "list_price_usd": listed.usd_for(price.per) if listed else None,
        "graduated": price.graduated,
        "steps": [
            {"start": tier.start, "customer_price_usd": tier.price_usd, "credits": tier.credits, "per": tier.per}
            for tier in price.tiers
        ],
    }


def _source(origin: Origin) -> dict[str, Any]:
    return {"source": origin.source, "version": origin.version, "read_at": origin.read_at}


def _change(change: Change) -> dict[str, Any]:
    percent = change.percent
    return {
        "at": change.at,
        "meter": change.price.meter,
        "unit": change.price.unit,
        "variant": dict(change.price.variant),
        "old": _moment(change.old),
        "new": _moment(change.new),
        "change_percent": None if percent is None else percent.quantize(ROUNDED),
    }


def _moment(price: Price | None) -> dict[str, Any] | None:
    if price is None:
        return None
    return {"customer_price_usd": price.price_usd, "credits": price.credits, "per": price.per}
