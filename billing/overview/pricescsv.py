"""The price list as a file: one line per price, amounts exact."""

import csv
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.http import QueryDict, StreamingHttpResponse

from billing.overview.numbers import plain_text
from billing.overview.pricelist import Listed, list_prices, models_asked
from billing.overview.pricequery import asked_of
from billing.overview.pricereader import Reader
from billing.pricing.history import identity
from billing.pricing.selectors import MOST, ModelListing, modalities, providers

COLUMNS = (
    *("model", "provider", "name", "modality", "context_window", "retired", "meter", "variant", "unit", "per"),
    *("price_usd", "credits"),
)
OWN_COLUMNS = ("list_price_usd", "published_usd", "markup_percent", "month_usd")


def prices_csv(query: QueryDict, reader: Reader) -> StreamingHttpResponse:
    """Every model that the list would show, on all its pages."""
    response = StreamingHttpResponse(_lines(query, reader), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="models.csv"'
    return response


class _Line:
    """What csv.writer writes to: the last line is kept."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _lines(query: QueryDict, reader: Reader) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(COLUMNS if reader.public else COLUMNS + OWN_COLUMNS)
    yield line.text
    for models in _pages(query, reader):
        listed, months = list_prices(models, reader), reader.costs_on(models)
        for listing in models:
            for row in _rows(listing, reader, listed.get(listing.key, {}), months.get(listing.key)):
                writer.writerow(row)
                yield line.text


def _pages(query: QueryDict, reader: Reader) -> Iterator[Sequence[ModelListing]]:
    asked = asked_of(query, providers=providers(), modalities=modalities(), own=bool(reader.works))
    cursor = ""
    while True:
        page = models_asked(asked, reader, limit=MOST, cursor=cursor)
        yield page.rows
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def _rows(listing: ModelListing, reader: Reader, listed: Listed, month: Decimal | None) -> Iterator[list[Any]]:
    model = [
        *map(_text, (listing.ref, listing.provider, listing.name, listing.modality)),
        "" if listing.context_window is None else listing.context_window,
        "yes" if listing.retired else "",
    ]
    for price in listing.prices:
        variant = ", ".join(f"{key}={value}" for key, value in sorted(price.variant.items()))
        row = [*model, price.meter, _text(variant), price.unit, price.per]
        row += [plain_text(price.price_usd), plain_text(price.credits)]
        if not reader.public:
            on_list = listed.get(identity(price), price)
            row += [plain_text(on_list.usd_for(price.per)), plain_text(price.published_usd)]
            row += [plain_text(price.markup_percent)]
            row += ["" if month is None else plain_text(month)]
        yield row


def _text(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
