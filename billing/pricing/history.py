"""How the prices of a model changed, as customers paid them: lines, dates of upstream and markups all taken together.

Between two edges (tariff.ModelPrices.edges) nothing changes, so the prices at each edge, one after the other, are
the whole history. Edges that lie ahead are changes that are already decided.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

from billing.pricing.display import Price
from billing.pricing.tariff import EXACT, HUNDRED

EVER = datetime(1970, 1, 1, tzinfo=UTC)
Identity = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The prices from `since` on; None: since ever."""

    since: datetime | None
    prices: tuple[Price, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One price became another one; without `old` it is new, without `new` it is no longer sold."""

    at: datetime
    old: Price | None
    new: Price | None

    @property
    def price(self) -> Price:
        """Whichever there is: what it is called and for what."""
        price = self.new or self.old
        assert price is not None  # noqa: S101 (changes are made of one or two prices)
        return price

    @property
    def percent(self) -> Decimal | None:
        """How much dearer per unit; None where that is no number."""
        if self.old is None or self.new is None or not self.old.price_usd:
            return None
        before, after = per_unit(self.old), per_unit(self.new)
        return EXACT.multiply(EXACT.divide(EXACT.subtract(after, before), before), HUNDRED)


def identity(price: Price) -> Identity:
    return price.meter, tuple(sorted(price.variant.items()))


def per_unit(price: Price) -> Decimal:
    return price.usd_for(1)


def stretches(edges: Iterable[datetime], read: Callable[[datetime], Iterable[Price]]) -> list[Stretch]:
    """Oldest first; `read` gives the prices at an instant, which change at `edges` only. Those with equal prices are
    one.
    """
    found = [Stretch(None, tuple(read(EVER)))]
    for edge in sorted(set(edges)):
        at_edge = tuple(read(edge))
        if _told(at_edge) != _told(found[-1].prices):
            found.append(Stretch(edge, at_edge))
    return found


def changes(through: Sequence[Stretch]) -> list[Change]:
    """Every price that changed, newest first; what was there since ever is no change."""
    found: list[Change] = []
    for before, after in pairwise(through):
        if not before.prices or after.since is None:  # before it had any price
            continue
        old = {identity(price): price for price in before.prices}
        new = {identity(price): price for price in after.prices}
        of_edge = [
            Change(after.since, old.get(key), new.get(key))
            for key in dict.fromkeys([*new, *old])
            if key not in old or key not in new or per_unit(old[key]) != per_unit(new[key])
        ]
        found = [*of_edge, *found]
    return found


def _told(prices: Iterable[Price]) -> set[tuple[Identity, Decimal]]:
    return {(identity(price), per_unit(price)) for price in prices}
