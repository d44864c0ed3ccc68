"""The one write path of usage: event → price → ledger → hourly totals, all in one transaction per call.

Validation comes before the wallet lock; duplicates are looked for under it, so of two reports of one event exactly
one is charged, however they arrive.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import DataError, IntegrityError
from psycopg.errors import NumericValueOutOfRange, UniqueViolation

from billing.credits import clock
from billing.credits.units import AmountOutOfRange
from billing.foundation.site.selectors import site
from billing.ledger.book import Book, open_book, resume_book
from billing.ledger.errors import MovedOn
from billing.ledger.records import WalletState
from billing.ledger.roundtrip import Rows
from billing.metering import store
from billing.metering.allowances import Allowances, Due, Row, open_at, with_what_is_due
from billing.metering.batch import MOST_EVENTS, Checked, check, record_batch
from billing.metering.counters import Counters, counts
from billing.metering.counters import read as read_counters
from billing.metering.counting import counted
from billing.metering.endusers import end_user_ids
from billing.metering.errors import EventConflict, EventRejected, does_not_fit
from billing.metering.events import EventInput, Source, request_hash
from billing.metering.facevalue import charging_site
from billing.metering.known import forget_everything
from billing.metering.models import UsageEvent
from billing.metering.projects import projects_of
from billing.metering.rated import RatedEvent, Rollups, cost_usd, not_in_future, rate_event, take_included
from billing.metering.receipts import BatchResult, Issue, Receipt, ReceiptLine, UsageTotals
from billing.metering.reporters import confirm, still_the_same
from billing.metering.series import series_ids
from billing.metering.settling import (
    charge,
    hold_named,
    hold_status,
    stored_hold_status,
    take_left,
    take_placed,
    was_busy,
)
from billing.pricing.agreed import Terms
from billing.pricing.book import prices_for
from billing.pricing.terms import terms_for

__all__ = ["EventConflict", "EventInput", "EventRejected", "Receipt", "Source", "usage_record", "usage_record_batch"]

TOLD = ("available", "held", "debt", "overdraft_limit", "overdraft_held", "low_bound", "granted_any")


def usage_record(*, workspace_id: int, source: Source, event: EventInput, now: datetime | None = None) -> Receipt:
    """Record one completed request and charge it. The same event again returns its first receipt, `replay` set.

    An event that names its hold settles it: what was held pays first. After the hold expired the balance is charged.
    Raises EventConflict (same id, other content), EventRejected, and SourceChanged for a source that was looked up
    earlier; nothing is stored or charged then.
    """
    not_in_future(event, now or clock.now())
    prices_for(event.model)  # read what may not be in memory yet before others wait for the lock
    site()

    def record(due: Due) -> Receipt:
        return _record(workspace_id, source, event, now, due)

    try:
        return with_what_is_due(workspace_id, record)
    except IntegrityError as error:
        # The id of an event that settles an open hold is another one's already, or an id that we remembered is gone: a
        # deleted project, a restored backup.
        if not isinstance(error.__cause__, UniqueViolation):
            forget_everything()
        return with_what_is_due(workspace_id, record)
    except (AmountOutOfRange, DataError) as error:
        raise does_not_fit(event.event_id) from _overflow(error)


def _record(workspace_id: int, source: Source, event: EventInput, now: datetime | None, due: Due) -> Receipt:
    at = now or clock.now()
    writing = _Writing(workspace_id, source, event, request_hash(event), terms_for(workspace_id), due)
    placed, left = take_placed(workspace_id, event.hold), take_left(workspace_id, event.hold)
    included = open_at(workspace_id, event.occurred_at, now=at)
    counting = counts(writing.terms, prices_for(event.model), event.usage)
    if left is not None and now is None and not counting and (resumed_at := left.now()):
        try:
            with resume_book(workspace_id, left, resumed_at, given=still_the_same(source), absent=[included]) as book:
                return writing.charged(book)
        except MovedOn:
            was_busy(workspace_id)
    find = store.find(workspace_id, source.origin, event.event_id)
    also = [included, *still_the_same(source), *([] if placed else [find])]
    if counting:
        also.append(read_counters(workspace_id, event.occurred_at, now=at))
    holds = [] if event.hold is None else [event.hold]
    with open_book(workspace_id, now=now, also=also, holds=holds, remembered=placed) as book:
        allowances, *found = book.extra
        counters = found.pop() if counting else None
        stored = [] if placed else found.pop()
        confirm(found)
        if placed and book.hold_of(placed.id) is not placed:  # nobody settled one that was open: its event is new
            stored = book.ask(find)
        if stored:
            return _replayed(stored[0], writing.digest, event, book.state)
        return writing.charged(book, allowances, counters)


class _Writing(NamedTuple):
    """An event that is about to be charged in an open book."""

    workspace_id: int
    source: Source
    event: EventInput
    digest: bytes
    terms: Terms
    due: Due

    def charged(self, book: Book, included: Sequence[Row] = (), counted_so_far: Rows | None = None) -> Receipt:
        """Charge it, and write it with what it adds up to. `included` and `counted_so_far` are the rows of what the
        workspace has included and has counted this month.
        """
        workspace_id, source, event = self.workspace_id, self.source, self.event
        counters = Counters(self.terms, book=book, rows=counted_so_far)
        hold = hold_named(book, source, event)
        settings = charging_site()
        allowances = Allowances(included, book=book, due=self.due)
        project = projects_of(workspace_id, source, [event])[event.project]
        rated = rate_event(
            event,
            hash=self.digest,
            now=book.now,
            project_id=project,
            allowances=allowances,
            counters=counters,
            site=settings,
        )
        take_included(rated, allowances, counters)
        operation_id = charge(book, source, rated, hold)
        rollups = Rollups(workspace_id, source)
        rollups.add(rated)
        state = book.state
        rows = store.Rows(
            workspace_id=workspace_id, source=source, now=book.now, usd_per_credit=settings.usd_per_credit
        )
        values = rows.row(rated, operation_id=operation_id, told=_told(state))
        series = series_ids((key for _, key in rollups.usage), rated=frozenset(rollups.rated), now=book.now)
        end_users = end_user_ids(workspace_id, rollups.end_users, now=book.now)
        book.also(*store.write_one(values, rollups, series, end_users))
        for statement in (*allowances.writes(), *counters.writes(), *counted(book, source, [rated])):
            book.also(*statement)
        return _receipt(rated, state, cost_usd(rated.nano, settings.usd_per_credit), hold_status(hold))


def usage_record_batch(
    *,
    workspace_id: int,
    source: Source,
    events: Sequence[EventInput | EventRejected],
    now: datetime | None = None,
) -> BatchResult:
    """Record many events of one workspace, those without a hold under one operation. A bad event, also one that was
    refused while it was parsed, rejects itself alone; a duplicate counts once.
    """
    if len(events) > MOST_EVENTS:
        raise EventRejected("invalid_request", f"A batch has at most {MOST_EVENTS:,} events.", "/events")
    checked, refused = check(events, now or clock.now())
    if not checked:
        return BatchResult(0, 0, [], refused, 0, None)
    site()
    for model in {item.event.model for item in checked}:
        prices_for(model)

    def record(due: Due) -> BatchResult:
        return record_batch(workspace_id, source, checked, refused, now, due)

    try:
        return with_what_is_due(workspace_id, record)
    except IntegrityError:
        forget_everything()
        return with_what_is_due(workspace_id, record)
    except (AmountOutOfRange, DataError) as error:  # together more than a column can hold: one by one then
        _overflow(error)
        return _singly(workspace_id, source, checked, refused, now)


def _overflow(error: Exception) -> Exception:
    """`error` if a number did not fit; any other fault of data is a fault of ours and goes on."""
    if isinstance(error, DataError) and not isinstance(error.__cause__, NumericValueOutOfRange):
        raise error
    return error


def _singly(
    workspace_id: int, source: Source, checked: list[Checked], refused: list[Issue], now: datetime | None
) -> BatchResult:
    result = BatchResult(0, 0, [], list(refused), 0, None)
    for item in checked:
        try:
            receipt = usage_record(workspace_id=workspace_id, source=source, event=item.event, now=now)
        except EventConflict as error:
            result.rejected.append(Issue(item.place, error.event_id, error.code, error.detail, "/event_id"))
        except EventRejected as error:
            result.rejected.append(Issue(item.place, error.event_id, error.code, error.detail, error.pointer))
        else:
            if receipt.problem and not receipt.replay:
                result.unrated.append(Issue(item.place, item.event.event_id, receipt.problem, receipt.detail))
            result = replace(
                result,
                accepted=result.accepted + (not receipt.replay),
                duplicates=result.duplicates + receipt.replay,
                nano=result.nano + (0 if receipt.replay else receipt.nano),
                balance=receipt.balance,
            )
    return result


def _replayed(stored: tuple[int, bytes], digest: bytes, event: EventInput, state: WalletState) -> Receipt:
    pk, known = stored
    if bytes(known) != digest:
        raise EventConflict(event.event_id)
    row = UsageEvent.objects.get(pk=pk)
    told = {name: row.told.get(name, 0) for name in TOLD} if row.told is not None else {}
    if told:
        told["granted_any"] = bool(told["granted_any"])
    unrated = row.unrated_as  # one that was charged later is answered as the first time, too
    return Receipt(
        event_id=row.event_id,
        nano=0 if unrated else row.amount,
        cost_usd=Decimal(0) if unrated else row.cost_usd,
        usage=UsageTotals.of(row.usage),
        lines=() if unrated or row.archive_id else tuple(ReceiptLine.stored(line) for line in row.lines),
        balance=replace(state, **told),
        replay=True,
        late=row.late,
        problem=unrated or row.problem,
        occurred_at=row.occurred_at,
        hold_status=stored_hold_status(row.hold_id),
    )


def _receipt(rated: RatedEvent, state: WalletState, cost: Decimal, hold_status: str) -> Receipt:
    return Receipt(
        event_id=rated.event.event_id,
        nano=rated.nano,
        cost_usd=cost,
        usage=UsageTotals.of(rated.event.usage),
        lines=tuple(ReceiptLine.rated(line, share) for line, share in zip(rated.lines, rated.shares, strict=True)),
        balance=state,
        replay=False,
        late=rated.late,
        problem=rated.problem,
        occurred_at=rated.occurred_at,
        detail=rated.detail,
        hold_status=hold_status,
    )


def _told(state: WalletState) -> str:
    """The balance of an answer, without its zeros."""
    return json.dumps({name: value for name in TOLD if (value := getattr(state, name))})
