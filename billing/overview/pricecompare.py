"""Up to four models side by side: every price of any of them is a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.overview.pricelist import Listed, ModelRow, Shown, list_prices, model_rows, models_of, shown
from billing.overview.pricequery import COMPARED, SCALES, Asked
from billing.overview.pricereader import Reader
from billing.pricing.display import Price
from billing.pricing.history import identity, per_unit
from billing.pricing.names import Key
from billing.pricing.selectors import ModelListing, listings, models_list

MOST_FOUND = 8


@dataclass(frozen=True, kw_only=True)
class Cell:
    price: Shown | None
    lowest: bool


@dataclass(frozen=True, kw_only=True)
class PriceRow:
    label: str
    variant: str
    unit: str
    cells: tuple[Cell, ...]
    differs: bool


@dataclass(frozen=True, kw_only=True)
class Column:
    row: ModelRow
    without: str  # the query of the comparison without it


@dataclass(frozen=True, kw_only=True)
class Comparison:
    columns: tuple[Column, ...]
    prices: tuple[PriceRow, ...]
    typical: frozenset[int]  # the columns with the lowest, if they differ
    month: frozenset[int]
    alike: bool  # all of one kind

    @property
    def full(self) -> bool:
        return len(self.columns) >= COMPARED

    @property
    def refs(self) -> tuple[str, ...]:
        return tuple(column.row.listing.ref for column in self.columns)


def comparison(asked: Asked, reader: Reader) -> Comparison:
    """Of the models that `asked` has chosen; what is no model is left out."""
    models, face = models_of(asked.chosen), site().usd_per_credit
    found = listings(models, now=clock.now(), usd_per_credit=face, terms=reader.terms)
    rows = model_rows(found, reader, SCALES[asked.scale])
    refs = [listing.ref for listing in found]
    return Comparison(
        columns=tuple(
            Column(row=row, without=asked.link(chosen=tuple(ref for ref in refs if ref != row.listing.ref)))
            for row in rows
        ),
        prices=price_rows(found, SCALES[asked.scale], list_prices(found, reader)),
        typical=lowest([row.listing.typical_usd for row in rows]),
        month=lowest([row.month.usd if row.month else None for row in rows]),
        alike=len({listing.modality for listing in found}) <= 1,
    )


def price_rows(
    models: Sequence[ModelListing], scale: tuple[int, str], listed: Mapping[Key, Listed]
) -> tuple[PriceRow, ...]:
    """Plain prices first, then variants, each in the order of the models that have them."""
    of_model = [{identity(price): price for price in listing.prices} for listing in models]
    keys = dict.fromkeys(identity(price) for listing in models for price in _plain_first(listing))
    rows = []
    for key in sorted(keys, key=lambda key: len(key[1])):
        prices = [prices.get(key) for prices in of_model]
        best = lowest([per_unit(price) if price else None for price in prices])
        seen = next(price for price in prices if price)
        words = shown(seen, scale)
        rows.append(
            PriceRow(
                label=words.label,
                variant=words.variant,
                unit=words.unit,
                cells=tuple(
                    Cell(
                        price=shown(price, scale, listed.get(models[place].key, {}).get(key)) if price else None,
                        lowest=place in best,
                    )
                    for place, price in enumerate(prices)
                ),
                differs=len({per_unit(price) if price else None for price in prices}) > 1,
            )
        )
    return tuple(rows)


def lowest(values: Sequence[Decimal | None]) -> frozenset[int]:
    """Where the least of them stands; nowhere when there is nothing to choose from."""
    known = [value for value in values if value is not None]
    if len(known) < 2 or min(known) == max(known):
        return frozenset()
    return frozenset(place for place, value in enumerate(values) if value == min(known))


def candidates(search: str, asked: Asked) -> list[ModelListing]:
    """What could be added, by a search."""
    if not search:
        return []
    found = models_list(search=search, limit=MOST_FOUND + COMPARED).rows
    return [listing for listing in found if listing.ref not in asked.chosen][:MOST_FOUND]


def _plain_first(listing: ModelListing) -> list[Price]:
    return sorted(listing.prices, key=lambda price: len(price.variant))
