"""What the address of a price page asks for, and the addresses of the same page with something changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlencode

from django.http import QueryDict

from billing.foundation.typed import number_typed
from billing.overview.numbers import plain_text
from billing.pricing.display import TOKENS, main_unit

SCALES = {"1k": (1_000, "1K"), "1m": (1_000_000, "1M")}
CURRENCIES = {"credits": "Credits", "usd": "US dollars"}
SORTS = {
    "": "Makers first",
    "name": "Name",
    "price": "Price, lowest first",
    "-price": "Price, highest first",
    "context": "Context, largest first",
    "cost": "What you would pay",
}
MOST_SEARCH = 100
MOST_TYPED = 24
COMPARED = 4  # at most


@dataclass(frozen=True, kw_only=True)
class Asked:
    search: str = ""
    provider: str = ""
    modality: str = ""
    free: bool = False
    low: Decimal | None = None  # in the currency and for the unit that are shown
    high: Decimal | None = None
    sort: str = ""
    scale: str = "1k"
    currency: str = "credits"
    chosen: tuple[str, ...] = ()  # references of models to compare
    cursor: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything is asked for but the order."""
        return bool(self.search or self.provider or self.modality or self.free or self.bounded)

    @property
    def bounded(self) -> bool:
        return self.low is not None or self.high is not None

    @property
    def unit(self) -> str:
        """What the bounds are for: the unit of the kind, or a typical request of any kind."""
        if not self.modality:
            return "typical request"
        unit = main_unit(self.modality)
        return f"{SCALES[self.scale][1]} tokens" if unit == TOKENS else unit

    def usd(self, bound: Decimal | None, usd_per_credit: Decimal) -> Decimal | None:
        """A bound as the catalogue compares it: USD per display.main_unit."""
        if bound is None:
            return None
        usd = bound * usd_per_credit if self.currency == "credits" else bound
        return usd * self._per_million if self._by_tokens else usd

    @property
    def _by_tokens(self) -> bool:
        return bool(self.modality) and main_unit(self.modality) == TOKENS

    @property
    def _per_million(self) -> int:
        return 1_000_000 // SCALES[self.scale][0]

    def query(self) -> list[tuple[str, str]]:
        pairs = [
            ("q", self.search),
            ("provider", self.provider),
            ("modality", self.modality),
            ("free", "1" if self.free else ""),
            ("min", _text(self.low)),
            ("max", _text(self.high)),
            ("sort", self.sort),
            ("per", self.scale),
            ("in", self.currency),
            *(("m", ref) for ref in self.chosen),
            ("cursor", self.cursor),
        ]
        return [(name, value) for name, value in pairs if value]

    def link(self, **changes: object) -> str:
        """The query of the same list with `changes` (of fields), from its beginning unless they have a cursor."""
        changed: Asked = replace(self, **{"cursor": "", **changes})  # type: ignore[arg-type]
        return urlencode(changed.query())

    def in_units(self, *, usd_per_credit: Decimal, scale: str = "", currency: str = "") -> str:
        """The same list in another unit; the bounds mean what they meant."""
        other = replace(self, scale=scale or self.scale, currency=currency or self.currency, cursor="")
        size = Decimal(1)
        if other.currency != self.currency:
            size = 1 / usd_per_credit if other.currency == "credits" else usd_per_credit
        if self._by_tokens:
            size = size * self._per_million / other._per_million
        low, high = (None if bound is None else bound * size for bound in (self.low, self.high))
        return urlencode(replace(other, low=low, high=high).query())

    @property
    def low_text(self) -> str:
        return _text(self.low)

    @property
    def high_text(self) -> str:
        return _text(self.high)

    @property
    def full(self) -> bool:
        """Whether no more can be compared."""
        return len(self.chosen) >= COMPARED


def asked_of(
    query: QueryDict,
    *,
    providers: Sequence[str],
    modalities: Sequence[str],
    scale: str = "1k",
    own: bool = True,
) -> Asked:
    """What makes no sense is left out, as if it had not been said. `own`: there is usage to sort by."""
    provider, modality, sort = (str(query.get(name, "")) for name in ("provider", "modality", "sort"))
    per, currency = str(query.get("per", "")), str(query.get("in", ""))
    return Asked(
        search=str(query.get("q", "")).strip()[:MOST_SEARCH].replace("\x00", ""),
        provider=provider if provider in providers else "",
        modality=modality if modality in modalities else "",
        free=bool(query.get("free")),
        low=_bound(str(query.get("min", ""))),
        high=_bound(str(query.get("max", ""))),
        sort=sort if sort in SORTS and (own or sort != "cost") else "",
        scale=per if per in SCALES else scale,
        currency=currency if currency in CURRENCIES else "credits",
        chosen=tuple(dict.fromkeys(ref[:300] for ref in query.getlist("m") if ref and "\x00" not in ref))[:COMPARED],
        cursor=str(query.get("cursor", "")),
    )


def _bound(text: str) -> Decimal | None:
    """A price of zero or more."""
    bound = number_typed(text) if len(text) <= MOST_TYPED else None
    return bound if bound is not None and bound >= 0 else None


def _text(bound: Decimal | None) -> str:
    return "" if bound is None else plain_text(bound)
