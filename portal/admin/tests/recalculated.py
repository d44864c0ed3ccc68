"""The money of a period once more, from raw rows alone (transfers, takes, lots, events, price lines), in fractions."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction

from billing.ledger.models import Lot, LotTake, Transfer
from billing.metering.models import EventReversal, UsageEvent
from billing.pricing.models import PriceLine

ZERO = Fraction(0)


@dataclass
class Money:
    """US dollars."""

    sold: Fraction = ZERO
    recognised: Fraction = ZERO
    expired: Fraction = ZERO
    refunded: Fraction = ZERO
    adjusted: Fraction = ZERO
    by_workspace: defaultdict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    metered: defaultdict[int, Fraction] = field(default_factory=lambda: defaultdict(Fraction))


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def money(since: date, until: date) -> Money:
    """What became of paid credits, one transfer after the other."""
    found = Money()
    lots = {lot.pk: lot for lot in Lot.objects.all()}
    brought = {(lot.workspace_id, lot.seq): lot for lot in lots.values()}
    takes: defaultdict[int, list[LotTake]] = defaultdict(list)
    for take in LotTake.objects.all():
        takes[take.transfer_id].append(take)
    within = Transfer.objects.filter(created_at__gte=midnight(since), created_at__lt=midnight(until))
    for transfer in within.select_related("operation"):
        for lot, nano in _parts(transfer, takes[transfer.pk], lots, brought):
            usd = Fraction(nano, 10**9) * Fraction(lot.unit_price_usd or 0)
            _add(found, transfer, usd)
    return found


def _parts(
    transfer: Transfer, takes: list[LotTake], lots: dict[int, Lot], brought: dict[tuple[int, int], Lot]
) -> Iterator[tuple[Lot, int]]:
    for take in takes:
        yield lots[take.lot_id], abs(take.amount)
    lot = brought.get((transfer.workspace_id, transfer.seq))
    if lot is not None and not takes:
        yield lot, transfer.amount


def _add(found: Money, transfer: Transfer, usd: Fraction) -> None:
    for account, sign in ((transfer.credit, 1), (transfer.debit, -1)):
        if account in ("spent", "debt"):
            found.recognised += sign * usd
            found.by_workspace[transfer.workspace_id] += sign * usd
            if not transfer.kind.startswith("addon."):
                found.metered[transfer.workspace_id] += sign * usd
        elif account == "issued":
            found.sold -= sign * usd
        elif account in ("expired", "refunded", "adjusted"):
            setattr(found, account, getattr(found, account) + sign * usd)


def deferred_now() -> Fraction:
    return sum((Fraction(lot.remaining, 10**9) * Fraction(lot.unit_price_usd or 0) for lot in Lot.objects.all()), ZERO)


def costs(since: date, until: date) -> dict[tuple[int, str, str], int]:
    """Nano-USD by workspace and model, from the lines of the events and the catalogue."""
    prices = {line.pk: line for line in PriceLine.objects.all()}
    found: defaultdict[tuple[int, str, str], int] = defaultdict(int)
    for event in _events(since, until):
        for line in event.lines:
            price = prices[line["price_id"]]
            if price.model or price.markup_percent is not None:
                exact = Fraction(Decimal(line["quantity"])) * Fraction(price.price) * 10**9 / price.per
                found[event.workspace_id, event.provider, event.model] += round(exact)
    return {key: cost for key, cost in found.items() if cost}


def charged(since: date, until: date) -> dict[int, dict[tuple[str, str], int]]:
    """Nano-credits by workspace and model, less what was given back."""
    back = dict(EventReversal.objects.values_list("event_id", "amount"))
    found: defaultdict[int, dict[tuple[str, str], int]] = defaultdict(dict)
    for event in _events(since, until):
        key, of = (event.provider, event.model), found[event.workspace_id]
        of[key] = of.get(key, 0) + event.amount - back.get(event.pk, 0)
    return found


def _events(since: date, until: date) -> Iterator[UsageEvent]:
    yield from UsageEvent.objects.filter(booked_at__gte=midnight(since), booked_at__lt=midnight(until))
