"""All priced models in memory, in the order of the price list: searched, filtered and paged through without a query.

Kept for as long as the catalogue is the same (book.edition). A page is found by the key of its last row, so nothing
is shown twice or left out when models come and go in between.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from billing.pricing import book
from billing.pricing.models import CatalogModel, PriceLine
from billing.pricing.names import Key

MOST_WORDS = 8
Order = tuple[bool, str, str]  # sold by who does not make it, provider, model
# Values that are not known come last: (unknown, value, the order of the list).
Place = tuple[bool, Decimal | str, Order]


class BadCursor(ValueError):
    """The cursor was not made by this list."""


@dataclass(frozen=True, slots=True)
class Card:
    """A priced model, without its prices."""

    model: CatalogModel
    words: str  # what a search looks in

    @property
    def key(self) -> Key:
        return self.model.provider, self.model.model

    @property
    def order(self) -> Order:
        return not self.model.by_maker, self.model.provider, self.model.model


@dataclass(frozen=True)
class Shelf:
    edition: object
    cards: tuple[Card, ...]  # those sold by their makers first
    providers: tuple[str, ...]
    modalities: tuple[str, ...]
    kept: dict[int, Any] = field(default_factory=dict)  # what selectors work out from it, by customers' terms

    def find(self, *, search: str = "", provider: str = "", modality: str = "") -> list[Card]:
        """Cards of the provider and kind in which each word of `search` occurs: in reference, name or an alias."""
        words = search.replace("\x00", "").lower().split()[:MOST_WORDS]
        return [
            card
            for card in self.cards
            if (not provider or card.model.provider == provider)
            and (not modality or card.model.modality == modality)
            and all(word in card.words for word in words)
        ]


_latest: list[Shelf] = []


def shelf() -> Shelf:
    """The models as of now, at most as old as the book of prices."""
    edition = book.edition()
    found = _latest[0] if _latest else None
    if found is None or found.edition is not edition:
        found = _stock(edition)
        _latest[:] = [found]
    return found


def _stock(edition: object) -> Shelf:
    # Sorted here, so that a cursor's comparison does not depend on the database's collation.
    models = sorted(priced(), key=lambda model: (not model.by_maker, model.provider, model.model))
    return Shelf(
        edition=edition,
        cards=tuple(Card(model, _words(model)) for model in models),
        providers=tuple(sorted({model.provider for model in models})),
        modalities=tuple(sorted({model.modality for model in models})),
    )


def priced() -> QuerySet[CatalogModel]:
    """Models with a price that is not closed."""
    lines = PriceLine.objects.filter(
        provider=OuterRef("provider"), model=OuterRef("model"), status=PriceLine.Status.ACTIVE, effective_to=None
    )
    return CatalogModel.objects.filter(Exists(lines))


def _words(model: CatalogModel) -> str:
    return "\n".join([f"{model.provider}/{model.model}", model.name, *model.aliases]).lower()


def page(
    cards: Iterable[Card], *, sort: str, value: Callable[[Card], Decimal | str | None] | None, limit: int, cursor: str
) -> tuple[Sequence[Card], str | None]:
    """The cards after `cursor` in the order of `value` (None: of the list), and the cursor of those after them.

    A cursor belongs to its `sort`. Raises BadCursor.
    """
    if value is None:
        placed: list[tuple[Place, Card]] = [((False, "", card.order), card) for card in cards]
    else:
        placed = [(_place(value(card), card.order), card) for card in cards]
        placed.sort(key=lambda each: each[0])
    if cursor:
        after = _decode(cursor, sort)
        placed = [each for each in placed if each[0] > after]
    shown = placed[:limit]
    return [card for _, card in shown], _encode(shown[-1][0], sort) if len(placed) > limit else None


def _place(value: Decimal | str | None, order: Order) -> Place:
    return value is None, Decimal(0) if value is None else value, order


def _encode(place: Place, sort: str) -> str:
    unknown, value, (resold, provider, model) = place
    said = [sort, unknown, str(value), isinstance(value, Decimal)] if sort else []
    text = json.dumps([*said, not resold, provider, model], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, sort: str) -> Place:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        *said, by_maker, provider, model = json.loads(base64.urlsafe_b64decode(padded.encode()))
        of, unknown, text, number = said or ("", False, "", False)
        value = Decimal(text) if number else text
    except (binascii.Error, ValueError, TypeError, UnicodeError, InvalidOperation, RecursionError) as error:
        raise BadCursor("this cursor is not one of ours") from error
    texts = (of, text, provider, model)
    if of != sort or not all(isinstance(each, str) for each in texts) or unknown not in (True, False):
        raise BadCursor("this cursor is not one of this list")
    if not isinstance(by_maker, bool) or (isinstance(value, Decimal) and not value.is_finite()):
        raise BadCursor("this cursor is not one of ours")
    if isinstance(value, Decimal) != (sort not in ("", "name")):
        raise BadCursor("this cursor is not one of ours")
    return bool(unknown), value, (not by_maker, provider, model)


def bare(model: str) -> str:
    """ "meta-llama/Llama-3.3-70B" → "llama-3.3-70b": what the same model is called wherever it is sold."""
    return model.rsplit("/", 1)[-1].lower()
