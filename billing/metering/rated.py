"""One event, priced: the row it becomes and what it adds to the hourly totals. No database in here."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from billing.credits.units import MAX_NANO, NANO, AmountOutOfRange
from billing.foundation.site.models import SiteSettings
from billing.metering.allowances import Allowances
from billing.metering.counters import Counters, peaks
from billing.metering.errors import EventRejected, does_not_fit
from billing.metering.events import EventInput, Source, plain
from billing.metering.receipts import TOKEN_METERS, applied_json
from billing.metering.series import SeriesKey
from billing.metering.split import largest_remainder
from billing.pricing.book import prices_for
from billing.pricing.meters import ANCESTORS, STANDS_FOR
from billing.pricing.rating import NOTHING_COUNTED, Line, rate
from billing.pricing.tariff import Applied

# What a meter of an event counts for: its quantity, nano-credits charged, and nano-USD paid upstream.
Part = tuple[str, Decimal, int, int]

HOUR = timedelta(hours=1)
CLOCK_SKEW = timedelta(minutes=5)  # a reporter's clock may be ahead of ours by so much


@dataclass(slots=True)
class RatedEvent:
    event: EventInput
    hash: bytes
    provider: str
    model: str
    project_id: int | None
    occurred_at: datetime
    booked_at: datetime
    late: bool
    problem: str
    detail: str
    lines: tuple[Line, ...]
    shares: list[int]  # nano-credits per line, adding up to `nano`
    nano: int
    usage: Mapping[str, Decimal]  # as it counts: what was reported, but for meters that are not summed
    highest: Mapping[str, Decimal]  # values by counter, of meters of which the month's highest is charged
    upstream: int = 0  # nano-USD that it costs the operator: the sum of its lines, each rounded once
    offset: int = 0  # where its amount begins in the operation's takes

    @property
    def usage_json(self) -> str:
        pairs = [f'{quoted(meter)}: "{plain(quantity)}"' for meter, quantity in self.event.usage.items()]
        return "{" + ", ".join(pairs) + "}"

    @property
    def lines_json(self) -> str:
        return "[" + ", ".join(map(_line_json, self.lines, self.shares)) + "]"


@lru_cache(maxsize=4_096)
def quoted(name: str) -> str:
    """A name as a JSON string."""
    return json.dumps(name)


# What the lines of one price have in common, by its id and what was applied to it: price, markup, per, and the text
# they make.
_terms: dict[int | tuple[int, Applied], tuple[Decimal, Decimal, int, str]] = {}


def _line_json(line: Line, share: int) -> str:
    key = line.price_id if line.applied is None else (line.price_id, line.applied)
    known = _terms.get(key)
    if known is None or known[:3] != (line.price_usd, line.markup_percent, line.per):
        if len(_terms) > 20_000:
            _terms.clear()
        text = (
            f'"meter": {quoted(line.meter)}, "price_id": {line.price_id}, "price": "{plain(line.price_usd)}",'
            f' "per": {line.per}, "markup": "{plain(line.markup_percent)}"'
        )
        if line.applied is not None:
            text = f"{text}, {json.dumps(applied_json(line.applied))[1:-1]}"
        known = _terms[key] = line.price_usd, line.markup_percent, line.per, text
    free = plain(line.from_allowance) if line.from_allowance else "0"
    return f'{{{known[3]}, "quantity": "{plain(line.quantity)}", "from_allowance": "{free}", "nano": {share}}}'


def not_in_future(event: EventInput, now: datetime) -> None:
    """Raises EventRejected for an event that says it happened more than a little after `now`."""
    if event.occurred_at is not None and event.occurred_at > now + CLOCK_SKEW:
        detail = "occurred_at lies more than 5 minutes in the future. Check the clock of the machine that reports."
        raise EventRejected("invalid_request", detail, "/occurred_at", event_id=event.event_id)


def rate_event(
    event: EventInput,
    *,
    hash: bytes,
    now: datetime,
    project_id: int | None,
    allowances: Allowances,
    counters: Counters,
    site: SiteSettings,
) -> RatedEvent:
    """Price `event` as it happened, using up what is included.

    Priced at `occurred_at`, or at `now` when a reporter's clock is ahead; booked at the same instant, or at `now` when
    it comes later than the operator's window.
    Raises EventRejected when the ledger could not hold the charge, NotOpened when what is included is not open yet.
    """
    occurred_at = event.occurred_at or now
    late = occurred_at is not now and occurred_at < now - timedelta(hours=site.late_after_hours)
    booked_at = now if late or occurred_at > now else occurred_at
    return rate_at(
        event,
        hash=hash,
        at=min(occurred_at, now),  # a price that is still to come is not every process's yet
        occurred_at=occurred_at,
        booked_at=booked_at,
        late=late,
        project_id=project_id,
        allowances=allowances,
        counters=counters,
        site=site,
    )


def rate_at(
    event: EventInput,
    *,
    hash: bytes,
    at: datetime,
    occurred_at: datetime,
    booked_at: datetime,
    late: bool,
    project_id: int | None,
    allowances: Allowances,
    counters: Counters,
    site: SiteSettings,
) -> RatedEvent:
    """Price `event` as of `at`, with what is included, and what was counted, where it is booked. Raises as `rate_event`
    does.
    """
    prices = prices_for(event.model)
    special = not counters.plain or (prices is not None and prices.aggregated)  # next to never
    try:
        rating = rate(
            prices,
            usage=event.usage,
            variant=event.variant,
            at=at,
            allowances=allowances.left(booked_at, own=event.hold),
            usd_per_credit=site.usd_per_credit,
            terms=counters.terms,
            counted=counters.of(prices, event.usage, booked_at) if special else NOTHING_COUNTED,
        )
        upstream = 0
        if not rating.problem:
            for line in rating.lines:
                upstream += line.upstream
            if upstream > MAX_NANO:
                raise AmountOutOfRange("more than a column holds")
    except AmountOutOfRange:
        raise does_not_fit(event.event_id) from None
    provider, model = split_ref(event.model) if prices is None else (prices.provider, prices.model)
    lines = () if rating.problem else rating.lines
    nano = 0 if rating.problem else rating.nano
    return RatedEvent(
        event=event,
        hash=hash,
        provider=provider,
        model=model,
        project_id=project_id,
        occurred_at=occurred_at,
        booked_at=booked_at,
        late=late,
        problem=rating.problem,
        detail=rating.detail,
        lines=lines,
        shares=largest_remainder(nano, [line.credits for line in lines]),
        nano=nano,
        usage=event.usage if rating.problem else rating.usage,
        highest=peaks(prices, event.usage) if special and not rating.problem else NOTHING_COUNTED,
        upstream=upstream,
    )


def take_included(rated: RatedEvent, allowances: Allowances, counters: Counters) -> None:
    """Use up what the lines took from allowances, and count what they count towards steps; call it once the event is
    sure to be recorded. What its hold reserved is free.
    """
    if rated.event.hold is not None:
        allowances.let_go(rated.event.hold)
    for line in rated.lines:
        if line.from_allowance:
            allowances.take(line.meter, line.from_allowance, rated.booked_at)
    if rated.highest or not counters.plain:
        counters.add(rated.lines, rated.highest, rated.booked_at)


def split_ref(ref: str) -> tuple[str, str]:
    """Provider and model of a reference the catalogue does not know."""
    provider, slash, model = ref.partition("/")
    return (provider, model) if slash and model and len(provider) <= 80 else ("", ref)


def cost_usd(nano: int, usd_per_credit: Decimal) -> Decimal:
    """The charge in USD at face value: exact, at most 15 decimals."""
    return Decimal(nano) * usd_per_credit / NANO


@dataclass(slots=True)
class Count:
    """What one series gains in one hour."""

    quantity: Decimal
    amount: int
    requests: int
    upstream: int = 0


@dataclass(slots=True)
class HourCount:
    amount: int
    requests: int


@dataclass(slots=True)
class EndUserCount:
    """What one end user gains in one hour."""

    amount: int = 0
    requests: int = 0
    tokens: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)


class Rollups:
    """Sums of a batch per hour, per series and hour, and per hour and end user of the events that name one."""

    def __init__(self, workspace_id: int, source: Source) -> None:
        self.workspace_id = workspace_id
        self.source = source
        self.totals: dict[datetime, HourCount] = {}
        self.usage: dict[tuple[datetime, SeriesKey], Count] = {}
        self.end_users: dict[tuple[datetime, str], EndUserCount] = {}
        self.rated: set[SeriesKey] = set()  # whose model and meter are the catalogue's
        # Events that differ in nothing but their quantities add to the same counts, which are looked up once.
        self._alike: dict[tuple[Any, ...], list[Count]] = {}
        self._hour = datetime.min.replace(tzinfo=UTC)
        self._next_hour = self._hour

    def add(self, rated: RatedEvent) -> None:
        hour = self._hour_of(rated.booked_at)
        total = self.totals.get(hour)
        if total is None:
            self.totals[hour] = HourCount(rated.nano, 1)
        else:
            total.amount += rated.nano
            total.requests += 1
        event = rated.event
        found = parts(rated.usage, counted_lines(rated))
        alike = (
            hour, rated.provider, rated.model, rated.project_id, event.task, event.agent, event.app, rated.problem,
            *[part[0] for part in found],
        )  # fmt: skip
        counts = self._alike.get(alike)
        if counts is None:
            counts = self._alike[alike] = [self._count(hour, rated, part[0]) for part in found]
        requests = 1  # counted in the series of the event's first meter only
        for count, (_, quantity, amount, upstream) in zip(counts, found, strict=True):
            count.quantity += quantity
            count.amount += amount
            count.upstream += upstream
            count.requests += requests
            requests = 0
        if event.end_user:
            self._add_end_user(hour, rated, found)

    def _add_end_user(self, hour: datetime, rated: RatedEvent, counted: list[Part]) -> None:
        count = self.end_users.get((hour, rated.event.end_user))
        if count is None:
            count = self.end_users[hour, rated.event.end_user] = EndUserCount()
        count.amount += rated.nano
        count.requests += 1
        for meter, quantity, _, _ in counted:
            count.quantity += quantity
            if meter in TOKEN_METERS:
                count.tokens += quantity

    def _hour_of(self, at: datetime) -> datetime:
        if not self._hour <= at < self._next_hour:
            self._hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            self._next_hour = self._hour + HOUR
        return self._hour

    def _count(self, hour: datetime, rated: RatedEvent, meter: str) -> Count:
        event = rated.event
        key = SeriesKey(
            self.workspace_id, rated.provider, rated.model, meter, rated.project_id,
            event.task, event.agent, event.app, self.source.api_key_id,
        )  # fmt: skip
        if not rated.problem:
            self.rated.add(key)
        return self.usage.setdefault((hour, key), Count(Decimal(0), 0, 0))


def counted_lines(rated: RatedEvent) -> list[Part]:
    """The priced lines of an event as `parts` takes them."""
    return [
        (line.meter, line.quantity, share, line.upstream) for line, share in zip(rated.lines, rated.shares, strict=True)
    ]


def parts(usage: Mapping[str, Decimal], lines: Iterable[Part]) -> list[Part]:
    """What each meter of an event counts for, wholes before what they contain. `lines` are its priced ones.

    A line whose meter was not reported is counted where it belongs: an embedding model's input tokens, or a fee.
    """
    amounts: dict[str, tuple[int, int]] = {}
    extra: dict[str, Decimal] = {}
    for meter, quantity, share, cost in lines:
        if meter not in usage:
            meter = next((sent for sent, priced in STANDS_FOR.items() if priced == meter and sent in usage), meter)
            if meter not in usage:
                extra[meter] = extra.get(meter, Decimal(0)) + quantity
        known = amounts.get(meter)
        amounts[meter] = (share, cost) if known is None else (known[0] + share, known[1] + cost)
    quantities = {**usage, **extra} if extra else usage
    meters = _ordered(tuple(quantities)) if len(quantities) > 1 else quantities
    return [(meter, quantities[meter], *amounts.get(meter, (0, 0))) for meter in meters]


@lru_cache(maxsize=1_024)
def _ordered(meters: tuple[str, ...]) -> list[str]:
    return sorted(meters, key=_order)


def _order(meter: str) -> tuple[bool, str]:
    return bool(ANCESTORS.get(meter)), meter
