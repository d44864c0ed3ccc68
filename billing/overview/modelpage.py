"""The page of one model: its prices and where they come from, how they changed, and how to be charged by them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from textwrap import dedent

from django.conf import settings

from billing.credits import clock
from billing.overview.pricelist import ModelRow, Shown, WorkLine, model_rows, shown, work_lines
from billing.overview.pricequery import SCALES, Asked
from billing.overview.pricereader import Reader
from billing.overview.steps import Step, StepChart, steps
from billing.pricing.detail import ModelDetail, Origin
from billing.pricing.display import Price
from billing.pricing.history import Change, identity
from billing.pricing.selectors import ModelListing

# Who says a price, as customers read it; the others are called by their own name.
SOURCES = {
    "operator": "set by the operator",
    "shipped": "prices that come with the portal",
    "platform": "prices of the portal’s own",
    "genai-prices": "genai-prices, an open price catalogue",
    "bundled": "a catalogue of media prices that comes with the portal",
    "litellm": "LiteLLM’s open price catalogue",
    "openrouter": "OpenRouter’s catalogue",
}
SERIES = 4
FIRST_CHANGES, SHOWN_CHANGES = 12, 120
LEAST_SPAN = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class PriceLine:
    price: Shown
    published: Decimal | None  # USD without markup, where there is one that this reader may know
    markup: Decimal
    discount: Decimal
    own: bool  # agreed on: markup and discount are no part of it
    source: str


@dataclass(frozen=True, kw_only=True)
class ChangeLine:
    at: datetime
    label: str
    variant: str
    unit: str
    old: Shown | None
    new: Shown | None
    percent: Decimal | None


@dataclass(frozen=True, kw_only=True)
class ModelPage:
    detail: ModelDetail
    row: ModelRow
    prices: tuple[PriceLine, ...]
    origins: tuple[tuple[str, Origin], ...]  # in words
    past: tuple[ChangeLine, ...]
    older: tuple[ChangeLine, ...]
    left_out: int  # changes that are older still
    ahead: tuple[ChangeLine, ...]
    chart: StepChart | None
    chart_unit: str
    elsewhere: tuple[ModelRow, ...]
    work: WorkLine | None
    code: str


def model_page(detail: ModelDetail, asked: Asked, reader: Reader) -> ModelPage:
    scale = SCALES[asked.scale]
    lines = work_lines(reader.works, detail.listing.modality)
    chart, unit = _chart(detail, asked)
    (row, *elsewhere) = model_rows([detail.listing, *detail.elsewhere], reader, scale)
    return ModelPage(
        detail=detail,
        row=row,
        prices=tuple(
            _price(price, words, detail, reader, scale)
            for price, words in zip(detail.listing.prices, row.others, strict=True)
        ),
        origins=tuple((source_text(origin.source), origin) for origin in detail.origins),
        past=tuple(_change(change, scale) for change in detail.past[:FIRST_CHANGES]),
        older=tuple(_change(change, scale) for change in detail.past[FIRST_CHANGES:SHOWN_CHANGES]),
        left_out=max(len(detail.past) - SHOWN_CHANGES, 0),
        ahead=tuple(_change(change, scale) for change in detail.ahead),
        chart=chart,
        chart_unit=unit,
        elsewhere=tuple(elsewhere),
        work=lines[0] if lines else None,
        code=example(detail.listing),
    )


def source_text(source: str) -> str:
    return SOURCES.get(source, source)


def example(listing: ModelListing) -> str:
    """How a request to the model is recorded, ready to be run with the key in PURSER_KEY."""
    usage = dict(listing.typical_usage) or {listing.prices[0].meter: 1} if listing.prices else {"requests": 1}
    body: dict[str, object] = {"event_id": "req_1", "model": listing.ref, "usage": usage}
    plain = listing.main.variant if listing.main else {}
    if plain:
        body["variant"] = dict(plain)
    text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    code = """\
        curl <base>/api/v1/usage \\
          -H "Authorization: Bearer $PURSER_KEY" \\
          -H "Content-Type: application/json" \\
          -d '<body>'"""
    return dedent(code).replace("<base>", settings.SITE_URL).replace("<body>", text)


def _price(price: Price, words: Shown, detail: ModelDetail, reader: Reader, scale: tuple[int, str]) -> PriceLine:
    origin = detail.origin_of.get(price.price_id)
    differs = price.own or price.markup_percent != 0 or price.discount_percent != 0
    published = shown(replace(price, price_usd=price.published_usd), scale).usd
    return PriceLine(
        price=words,
        published=published if differs and not reader.public else None,
        markup=price.markup_percent,
        discount=-price.discount_percent,
        own=price.own,
        source=source_text(origin.source) if origin else "",
    )


def _change(change: Change, scale: tuple[int, str]) -> ChangeLine:
    words = shown(change.price, scale)
    return ChangeLine(
        at=change.at,
        label=words.label,
        variant=words.variant,
        unit=words.unit,
        old=shown(change.old, scale) if change.old else None,
        new=shown(change.new, scale) if change.new else None,
        percent=change.percent,
    )


def _chart(detail: ModelDetail, asked: Asked) -> tuple[StepChart | None, str]:
    """The plain prices that share the main price's unit; none where nothing ever changed."""
    moved = [change.at for change in (*detail.past, *detail.ahead)]
    main = detail.listing.main
    if not moved or main is None:
        return None, ""
    scale, now = SCALES[asked.scale], clock.now()
    unit = shown(main, scale).unit
    alike = [price for price in detail.listing.plain_prices if shown(price, scale).unit == unit][:SERIES]
    first = min([*moved, detail.first_read or now])
    last = max([*moved, now])
    margin = max(last - first, LEAST_SPAN) / 20
    chart = steps(
        series=[(_name(price), _steps(price, detail, asked)) for price in alike],
        start=first - margin,
        now=now,
        end=last + margin if last > now else now,
    )
    return (chart, unit) if chart.dots else (None, "")


def _name(price: Price) -> str:
    return f"{price.label}, {price.variant_text}" if price.variant else price.label


def _steps(price: Price, detail: ModelDetail, asked: Asked) -> Sequence[Step]:
    found: list[Step] = []
    long_ago = min(stretch.since for stretch in detail.stretches if stretch.since) - timedelta(days=36_500)
    for stretch in detail.stretches:
        same = next((each for each in stretch.prices if identity(each) == identity(price)), None)
        words = shown(same, SCALES[asked.scale]) if same else None
        value = None if words is None else words.usd if asked.currency == "usd" else words.credits
        found.append((stretch.since or long_ago, value))
    return found
