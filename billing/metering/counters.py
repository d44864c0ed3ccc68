"""What a month (UTC) has counted so far, for prices that depend on it: steps of tiers, and meters of which the highest
value is charged. Read and written under the wallet lock, and only where something is counted.

An event counts in the month it is booked in, when it is charged. Its reversal takes the quantity out again; a month's
highest value stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import F

from billing.ledger.book import Book
from billing.ledger.roundtrip import Rows, Statement
from billing.metering.events import EventInput
from billing.metering.models import MonthCount, UsageEvent
from billing.pricing.agreed import Terms
from billing.pricing.book import prices_for
from billing.pricing.meters import MAX, peak_counter
from billing.pricing.rating import NOTHING_COUNTED, Line
from billing.pricing.tariff import EXACT, ZERO, ModelPrices

_READ = "SELECT month, name, quantity FROM metering_monthcount WHERE workspace_id = %s AND month >= %s::date"
_WRITE = """
INSERT INTO metering_monthcount (workspace_id, month, name, quantity)
SELECT %s::bigint, counted.* FROM unnest(%s::date[], %s::text[], %s::numeric[]) counted(month, name, quantity)
ON CONFLICT (workspace_id, month, name) DO UPDATE SET quantity = excluded.quantity
"""


def counts(terms: Terms, prices: ModelPrices | None, usage: Mapping[str, Decimal]) -> bool:
    """Whether what this usage costs may depend on what the month has counted."""
    if not terms.schedules and (prices is None or not prices.aggregated):
        return False
    return terms.counts(prices) or bool(peaks(prices, usage))


def any_counts(terms: Terms, events: Sequence[EventInput]) -> bool:
    """The same for many events."""
    prices = {model: prices_for(model) for model in {event.model for event in events}}
    if not terms.schedules and not any(each is not None and each.aggregated for each in prices.values()):
        return False
    return any(counts(terms, prices[event.model], event.usage) for event in events)


def peaks(prices: ModelPrices | None, usage: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    """The values that this usage holds against the month's highest, by counter."""
    if prices is None or not prices.aggregated:
        return NOTHING_COUNTED
    found = ((meter, usage.get(meter)) for meter, how in prices.aggregated.items() if how == MAX)
    return {peak_counter(meter): value for meter, value in found if value}


def read(workspace_id: int, earliest: datetime | None, *, now: datetime) -> Statement:
    """What was counted in the months from that of `earliest` on; ask it under the wallet lock, which guards it."""
    return _READ, (str(workspace_id), month_of(min(earliest or now, now)).isoformat())


def month_of(at: datetime) -> date:
    """The first day of its month (UTC)."""
    return at.astimezone(UTC).date().replace(day=1)


def present(workspace_id: int, at: datetime) -> Mapping[str, Decimal]:
    """What the month of `at` has counted, for looking ahead; whoever charges reads it under the wallet lock."""
    found = MonthCount.objects.filter(workspace_id=workspace_id, month=month_of(at))
    return dict(found.values_list("name", "quantity"))


class Counters:
    """What is counted for a workspace while its wallet is locked: asked and added to per event, written once."""

    def __init__(self, terms: Terms, *, book: Book, rows: Rows | None = None) -> None:
        """`rows` are those of `read`; without them they are read once something counts."""
        self.terms = terms
        self.plain = not terms.schedules  # no price of a summed meter depends on what was counted
        self._book = book
        self._months: dict[date, dict[str, Decimal]] | None = None if rows is None else _by_month(rows)
        self._changed: set[tuple[date, str]] = set()

    def of(self, prices: ModelPrices | None, usage: Mapping[str, Decimal], at: datetime) -> Mapping[str, Decimal]:
        """What the month of `at` has counted, where the price of `usage` may depend on it."""
        return self._month(month_of(at)) if counts(self.terms, prices, usage) else NOTHING_COUNTED

    def add(self, lines: Iterable[Line], highest: Mapping[str, Decimal], at: datetime) -> None:
        """Count the lines of an event that is sure to be recorded, and the values that may be the month's highest."""
        for line in lines:
            if line.applied is not None and line.applied.counter:
                self._set(at, line.applied.counter, line.charged, add=True)
        for name, value in highest.items():
            self._set(at, name, value, add=False)

    def writes(self) -> list[Statement]:
        """The statement that writes what was counted, if anything was."""
        if not self._changed or self._months is None:
            return []
        changed = sorted(self._changed)
        return [
            (
                _WRITE,
                (
                    str(self._book.workspace_id),
                    [month.isoformat() for month, _ in changed],
                    [name for _, name in changed],
                    [format(self._months[month][name], "f") for month, name in changed],
                ),
            )
        ]

    def _set(self, at: datetime, name: str, value: Decimal, *, add: bool) -> None:
        month = month_of(at)
        counted = self._month(month)
        before = counted.get(name, ZERO)
        after = EXACT.add(before, value) if add else max(before, value)
        if after != before:
            counted[name] = after
            self._changed.add((month, name))

    def _month(self, month: date) -> dict[str, Decimal]:
        if self._months is None:
            # A price, or a meter, that came since the lock was asked for: so late that everything is read.
            self._months = _by_month(self._book.ask((_READ, (str(self._book.workspace_id), date.min.isoformat()))))
        return self._months.setdefault(month, {})


def give_back_counts(event: UsageEvent) -> None:
    """What the event's lines counted towards steps counts no more. Call it under the wallet lock."""
    for name, quantity in counted_by(event.lines).items():
        of_month = MonthCount.objects.filter(
            workspace_id=event.workspace_id, month=month_of(event.booked_at), name=name
        )
        of_month.update(quantity=F("quantity") - quantity)


def counted_by(lines: Iterable[Mapping[str, Any]]) -> Mapping[str, Decimal]:
    """Quantities by counter that stored lines count, also after their details were archived."""
    found: dict[str, Decimal] = {}
    for line in lines:
        if name := line.get("counter"):
            charged = EXACT.subtract(Decimal(line["quantity"]), Decimal(line["from_allowance"]))
            found[name] = EXACT.add(found.get(name, ZERO), charged)
    return found


def _by_month(rows: Rows) -> dict[date, dict[str, Decimal]]:
    months: dict[date, dict[str, Decimal]] = {}
    for month, name, quantity in rows:
        months.setdefault(month, {})[name] = quantity
    return months
