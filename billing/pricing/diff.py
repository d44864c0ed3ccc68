"""What a new reading of a source changes, and what must wait for a person. Pure.

Guards: a reading in which more than a tenth of the lines vanished is not believed at all. A jump of more than a
quarter, a price of zero (unknown, or free?), another unit or another currency waits; until then the old price stays.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from decimal import Decimal

from billing.pricing.sources.rows import Identity, PriceRow

JUMP = Decimal("0.25")
VANISH = Decimal("0.10")


@dataclass(frozen=True, slots=True)
class Held:
    """A line that waits. `old` is None for a new line, `ratio` is the relative change when it has one."""

    old: PriceRow | None
    new: PriceRow
    reason: str
    ratio: Decimal | None = None


@dataclass
class Plan:
    """What to do with each line."""

    added: list[PriceRow] = field(default_factory=list)
    changed: list[tuple[PriceRow, PriceRow]] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    retired: list[Identity] = field(default_factory=list)
    unchanged: int = 0
    abort: str = ""


def plan(
    current: Mapping[Identity, PriceRow],
    fresh: Mapping[Identity, PriceRow],
    *,
    retired_models: Set[tuple[str, str]] = frozenset(),
    jump: Decimal = JUMP,
    vanish: Decimal = VANISH,
    zero_is_meant: bool = False,
) -> Plan:
    """Compare the lines in force with a fresh reading.

    `retired_models` vanished earlier and keep their last prices: they do not count as vanished again.
    `zero_is_meant`: the source knows what is free (the platform's own prices).
    """
    result = Plan()
    counted = {key: row for key, row in current.items() if (row.provider, row.model) not in retired_models}
    result.retired = [key for key in counted if key not in fresh]
    if counted and Decimal(len(result.retired)) / len(counted) > vanish:
        result.abort = f"{len(result.retired):,} of {len(counted):,} lines vanished"
        return result
    for key, new in fresh.items():
        _place(result, current.get(key), new, jump=jump, zero_is_meant=zero_is_meant)
    return result


def _place(result: Plan, old: PriceRow | None, new: PriceRow, *, jump: Decimal, zero_is_meant: bool) -> None:
    if new.currency != "USD":
        result.held.append(Held(old, new, f"currency {new.currency}"))
    elif old is None:
        if new.price == 0 and not zero_is_meant:
            result.held.append(Held(None, new, "new, price zero"))
        else:
            result.added.append(new)
    elif old.unit != new.unit:
        result.held.append(Held(old, new, f"unit was {old.unit}"))
    elif old.same_price(new):
        if (old.upstream_until, old.markup_percent) == (new.upstream_until, new.markup_percent):
            result.unchanged += 1
        else:
            result.changed.append((old, new))
    elif not zero_is_meant and (old.price == 0 or new.price == 0):
        result.held.append(Held(old, new, "from zero" if old.price == 0 else "to zero"))
    else:
        _by_size(result, old, new, jump)


def _by_size(result: Plan, old: PriceRow, new: PriceRow, jump: Decimal) -> None:
    before, after = old.price * new.per, new.price * old.per
    ratio = (after / before - 1) if before else None
    if ratio is not None and abs(ratio) > jump:
        result.held.append(Held(old, new, f"jump of {ratio:+.0%}", ratio))
    else:
        result.changed.append((old, new))
