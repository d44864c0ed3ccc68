"""Charging events that waited for a price: at the prices in force when they occurred, and once, in their hour. Where
these do not cover them, staff may let the first ones after them count, or charge nothing.

Each has an operation of its own, under a key made of the event. What was reported, and what its reporter was told,
stays; the row says when it was priced and what was wrong before.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any

from django.db import DataError, IntegrityError
from django.db.models import Min
from psycopg.errors import NumericValueOutOfRange

from billing.credits import clock
from billing.credits.units import MAX_NANO, AmountOutOfRange
from billing.foundation.site.models import SiteSettings
from billing.ledger.book import Book, open_book
from billing.ledger.records import OperationDraft
from billing.ledger.roundtrip import Statement
from billing.metering.allowances import Allowances, Due, open_at, with_what_is_due
from billing.metering.counters import Counters
from billing.metering.counting import counted_spends, source_of
from billing.metering.errors import EventRejected
from billing.metering.events import Source
from billing.metering.facevalue import charging_site
from billing.metering.hooks import Spend
from billing.metering.keys import NAMESPACE, items_digest, pricing_key
from billing.metering.known import forget_everything
from billing.metering.models import UsageEvent
from billing.metering.rated import RatedEvent, cost_usd, rate_at, take_included
from billing.metering.unrated.instants import later_price, priced_as_of, stored_input
from billing.metering.unrated.recount import Recount
from billing.pricing.meters import MAX, peak_counter
from billing.pricing.models import Meter
from billing.pricing.terms import terms_for

log = logging.getLogger(__name__)

# The row is changed only here and only so: a trigger (migrations/_rules.py) refuses everything else.
_PRICED = """
UPDATE metering_usageevent SET unrated_as = problem, problem = '', priced_at = %s::timestamptz,
    provider = p.provider, model = p.model, lines = p.lines, amount = p.amount, cost_usd = p.cost,
    upstream = p.upstream, operation_id = p.operation, "offset" = 0
FROM jsonb_to_recordset(%s::jsonb) AS p(id bigint, provider text, model text, lines jsonb, amount bigint, cost numeric,
    upstream bigint, operation bigint)
WHERE metering_usageevent.id = p.id AND problem <> ''
"""


class Way(Enum):
    """How an event stops waiting."""

    OWN = "own"  # at the prices of its own time
    LATER = "later"  # where these do not cover it, at the first ones after it that do
    NOTHING = "nothing"  # where these do not cover it, without a charge


@dataclass(frozen=True, slots=True)
class Priced:
    """A waiting event, what it costs, and the operation that charged it (None: it was free, or included)."""

    row: UsageEvent
    rated: RatedEvent
    operation_id: int | None


def charge_waiting(*, workspace_id: int, pks: Sequence[int], now: datetime | None = None, way: Way = Way.OWN) -> int:
    """Charge those of these events that still wait and have a price; how many did. Again charges nothing.

    One whose charge the ledger cannot hold goes on waiting, and keeps no other from being charged. Give a few hundred
    at most: the workspace's other usage waits for so long.
    """
    if not pks:
        return 0

    def charge(due: Due) -> int:
        return _charge(workspace_id, pks, now, due, way)

    try:
        return with_what_is_due(workspace_id, charge, can_wait=True)
    except IntegrityError:  # an id that was remembered is gone: a restored backup (compare record.usage_record)
        forget_everything()
        return with_what_is_due(workspace_id, charge, can_wait=True)
    except (AmountOutOfRange, DataError) as error:
        if isinstance(error, DataError) and not isinstance(error.__cause__, NumericValueOutOfRange):
            raise
        forget_everything()  # series that were rolled back
        if len(pks) == 1:
            log.warning("event %s costs more than the ledger can hold, and was not charged: %s", pks[0], error)
            return 0
        return sum(charge_waiting(workspace_id=workspace_id, pks=[pk], now=now, way=way) for pk in pks)


def _charge(workspace_id: int, pks: Sequence[int], now: datetime | None, due: Due, way: Way) -> int:
    waiting = UsageEvent.objects.filter(workspace_id=workspace_id, pk__in=pks).exclude(problem="").order_by("pk")
    earliest = waiting.aggregate(at=Min("booked_at"))["at"]
    if earliest is None:
        return 0
    with open_book(workspace_id, now=now, also=[open_at(workspace_id, earliest, now=now or clock.now())]) as book:
        allowances = Allowances(book.extra[0], book=book, due=due)
        counters = Counters(terms_for(workspace_id), book=book)
        settings = charging_site()
        # Asked again, under the lock: another worker may have charged some of them.
        found = (_priced(book, row, allowances, counters, settings, way) for row in waiting.select_related("api_key"))
        charged = [each for each in found if each is not None]
        if charged:
            book.also(*_rows(charged, book.now, settings))
            recount = Recount(workspace_id, [(each.row, each.rated) for each in charged])
            kept = (*allowances.writes(), *counters.writes())
            for statement in (*recount.statements(book.now), *kept, *_counted(book, charged)):
                book.also(*statement)
        return len(charged)


def _priced(
    book: Book, row: UsageEvent, allowances: Allowances, counters: Counters, settings: SiteSettings, way: Way
) -> Priced | None:
    """Charge one event under the lock; None: it goes on waiting. Raises NotOpened, AmountOutOfRange."""
    at = (later_price(row, book.now) if way is Way.LATER else None) or priced_as_of(row)
    try:
        rated = rate_at(
            stored_input(row),
            hash=bytes(row.request_hash),
            at=at,
            occurred_at=row.occurred_at,
            booked_at=row.booked_at,
            late=row.late,
            project_id=row.project_id,
            allowances=allowances,
            counters=counters,
            site=settings,
        )
    except EventRejected as error:
        log.warning("event %s cannot be charged: %s", row.pk, error)
        return None
    if way is Way.NOTHING:
        # What has a price of its own time is charged by the job.
        return Priced(row, _for_nothing(row, rated, counters), None) if rated.problem else None
    if rated.problem:
        return None
    if rated.nano - book.available + book.debt > MAX_NANO:
        log.warning("event %s would make more debt than the ledger can hold, and was not charged", row.pk)
        return None
    take_included(rated, allowances, counters)
    operation = OperationDraft(NAMESPACE, pricing_key(row.pk), rated.hash, "usage.spend")
    items = items_digest([(row.event_id, rated.nano)])
    book.spend(operation=operation, amount=rated.nano, occurred_at=rated.occurred_at, items_digest=items)
    return Priced(row, rated, operation.id)


def _for_nothing(row: UsageEvent, rated: RatedEvent, counters: Counters) -> RatedEvent:
    """Counted as it was reported, without a line. A month's highest value was reached all the same."""
    highest = Meter.objects.filter(aggregation=MAX, key__in=rated.event.usage).values_list("key", flat=True)
    reached = {peak_counter(meter): rated.event.usage[meter] for meter in highest}
    free = replace(rated, problem="", detail="", provider=row.provider, model=row.model, highest=reached)
    if reached:
        counters.add((), reached, rated.booked_at)
    return free


def _counted(book: Book, charged: Sequence[Priced]) -> Iterator[Statement]:
    """What packages above write for these charges (counting.py), those of one reporter together."""
    spends: dict[Source, list[Spend]] = {}
    for row, nano in ((each.row, each.rated.nano) for each in charged if each.rated.nano):
        spend = Spend(row.project_id, row.occurred_at, row.booked_at, nano)
        spends.setdefault(source_of(row), []).append(spend)
    for source, of_source in spends.items():
        yield from counted_spends(book, source, of_source)


def _rows(charged: Sequence[Priced], now: datetime, settings: SiteSettings) -> Statement:
    return _PRICED, (now.isoformat(), json.dumps([_row(each, settings) for each in charged]))


def _row(priced: Priced, settings: SiteSettings) -> Mapping[str, Any]:
    rated = priced.rated
    return {
        "id": priced.row.pk,
        "provider": rated.provider,
        "model": rated.model,
        "lines": json.loads(rated.lines_json),
        "amount": rated.nano,
        "cost": format(cost_usd(rated.nano, settings.usd_per_credit), "f"),
        "upstream": rated.upstream,
        "operation": priced.operation_id,
    }
