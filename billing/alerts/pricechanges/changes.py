"""What is different between two price lists of a model, and whether it is news. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from billing.pricing.display import Price
from billing.pricing.tariff import EXACT

# A change of less is rounding, not news.
LEAST = Decimal("0.001")
Key = tuple[str, str]  # provider, model


@dataclass(frozen=True)
class PriceChange:
    """One price before and after, for the same unit and variant."""

    before: Price
    after: Price

    @property
    def rise(self) -> bool:
        return _each(self.after) > _each(self.before)

    @property
    def percent(self) -> Decimal | None:
        """How much dearer, in percent; negative for cheaper, None for what was free."""
        before = _each(self.before)
        return EXACT.divide((_each(self.after) - before) * 100, before) if before else None


@dataclass(frozen=True)
class ModelChange:
    """Everything about a model that has another price from `at` on. It is a rise as soon as one price rises."""

    provider: str
    model: str
    name: str
    at: datetime
    prices: tuple[PriceChange, ...]

    @property
    def key(self) -> Key:
        return self.provider, self.model

    @property
    def ref(self) -> str:
        return f"{self.provider}/{self.model}"

    @property
    def rise(self) -> bool:
        return any(price.rise for price in self.prices)

    @property
    def percents(self) -> tuple[Decimal, Decimal] | None:
        """The least and the largest change in percent; None where something was free."""
        found = [price.percent for price in self.prices]
        known = [percent for percent in found if percent is not None]
        return (min(known), max(known)) if known and len(known) == len(found) else None


def differences(before: Sequence[Price], after: Sequence[Price]) -> tuple[PriceChange, ...]:
    """The prices that are news, in the order of `after`. A variant that has a price of its own on one side only is held
    against the price it falls back to on the other.
    """
    found = [PriceChange(old, price) for price in after if (old := _counterpart(price, before)) is not None]
    known = {_identity(price) for price in after}
    gone = [price for price in before if _identity(price) not in known]
    found += [PriceChange(price, new) for price in gone if (new := _counterpart(price, after)) is not None]
    return tuple(change for change in found if _is_news(change))


def with_steps(prices: Iterable[Price]) -> list[Price]:
    """`prices` with the steps of their tiers as variants of their own."""
    found = []
    for price in prices:
        found.append(price)
        found += [
            replace(
                price,
                variant={**price.variant, "from": f"from {step.start.normalize():,f} a month"},
                price_usd=step.price_usd,
                per=step.per,
                credits=step.credits,
                tiers=(),
            )
            for step in price.tiers
            if step.start
        ]
    return found


def _is_news(change: PriceChange) -> bool:
    before, after = _each(change.before), _each(change.after)
    return before != after and abs(after - before) >= LEAST * max(before, Decimal(0))


def _each(price: Price) -> Decimal:
    """USD per unit."""
    return EXACT.divide(price.price_usd, Decimal(price.per))


def _identity(price: Price) -> tuple[str, frozenset[tuple[str, str]]]:
    return price.meter, frozenset(price.variant.items())


def _counterpart(price: Price, others: Iterable[Price]) -> Price | None:
    """What `price` is for, on the other side: the same variant, else the nearest one that contains it."""
    wanted = frozenset(price.variant.items())
    fitting = [other for other in others if other.meter == price.meter and other.variant.items() <= wanted]
    best = max(fitting, key=lambda other: len(other.variant), default=None)
    return None if best is None else replace(best, variant=price.variant)
