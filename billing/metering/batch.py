"""Many events of one workspace: one operation for all of them but those that settle a hold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from billing.credits import clock
from billing.credits.units import MAX_NANO
from billing.foundation.site.models import SiteSettings
from billing.ledger.book import Book, open_book
from billing.ledger.records import HoldState, OperationDraft
from billing.metering import store
from billing.metering.allowances import Allowances, Due, open_at
from billing.metering.counters import Counters, any_counts
from billing.metering.counters import read as read_counters
from billing.metering.counting import counted
from billing.metering.endusers import end_user_ids
from billing.metering.errors import EventConflict, EventRejected, does_not_fit
from billing.metering.events import EventInput, Source, request_hash
from billing.metering.facevalue import charging_site
from billing.metering.keys import NAMESPACE, batch_key, items_digest
from billing.metering.projects import projects_of
from billing.metering.rated import RatedEvent, Rollups, not_in_future, rate_event, take_included
from billing.metering.receipts import BatchResult, Issue
from billing.metering.series import series_ids
from billing.metering.settling import charge, hold_named
from billing.pricing.terms import terms_for

MOST_EVENTS = 1_000


class Checked(NamedTuple):
    """A well-formed event, by its place in the batch."""

    place: int
    event: EventInput
    hash: bytes


def check(events: Sequence[EventInput | EventRejected], now: datetime) -> tuple[list[Checked], list[Issue]]:
    """What needs no database: the well-formed events, and why the others are refused."""
    checked: list[Checked] = []
    refused: list[Issue] = []
    for index, event in enumerate(events):
        try:
            if isinstance(event, EventRejected):
                raise event
            not_in_future(event, now)
            checked.append(Checked(index, event, request_hash(event)))
        except EventRejected as error:
            refused.append(Issue(index, error.event_id, error.code, error.detail, error.pointer))
    return checked, refused


def record_batch(
    workspace_id: int,
    source: Source,
    checked: Sequence[Checked],
    refused: Sequence[Issue],
    now: datetime | None,
    due: Due,
) -> BatchResult:
    """Record what is new in `checked`, in one transaction. Raises NotOpened."""
    earliest = min((item.event.occurred_at for item in checked if item.event.occurred_at), default=None)
    at = now or clock.now()
    also = [
        store.find_many(workspace_id, source.origin, [item.event.event_id for item in checked]),
        open_at(workspace_id, earliest, now=at),
    ]
    terms = terms_for(workspace_id)
    counting = any_counts(terms, [item.event for item in checked])
    if counting:
        also.append(read_counters(workspace_id, earliest, now=at))
    holds = sorted({item.event.hold for item in checked if item.event.hold is not None})
    with open_book(workspace_id, now=now, also=also, holds=holds) as book:
        stored, included, *rest = book.extra
        allowances = Allowances(included, book=book, due=due)
        counters = Counters(terms, book=book, rows=rest[0] if counting else None)
        known = {event_id: bytes(hash) for event_id, hash in stored}
        run = _Run(book, source, charging_site(), allowances, counters, known)
        run.projects = projects_of(workspace_id, source, (item.event for item in checked))
        for item in checked:
            try:
                run.add(item)
            except EventConflict as error:
                run.rejected.append(Issue(item.place, error.event_id, error.code, error.detail, "/event_id"))
            except EventRejected as error:
                run.rejected.append(Issue(item.place, error.event_id, error.code, error.detail, error.pointer))
        run.write()
        return BatchResult(
            accepted=len(run.accepted),
            duplicates=run.duplicates,
            unrated=run.unrated,
            rejected=sorted([*refused, *run.rejected], key=lambda issue: issue.index),
            nano=run.total,
            balance=book.state,
        )


class _Run:
    """A batch under the wallet lock: what was accepted so far, and what it comes to."""

    def __init__(
        self,
        book: Book,
        source: Source,
        site: SiteSettings,
        allowances: Allowances,
        counters: Counters,
        known: dict[str, bytes],
    ) -> None:
        self.book = book
        self.source = source
        self.site = site
        self.allowances = allowances
        self.counters = counters
        self.known = known  # request hashes by event id, of the database and of this batch
        self.projects: Mapping[str, int | None] = {}
        self.accepted: list[RatedEvent] = []
        self.holds: dict[int, HoldState] = {}  # of the accepted events, by id
        self.rejected: list[Issue] = []
        self.unrated: list[Issue] = []
        self.duplicates = 0
        self.total = 0
        self.pooled = 0  # part of it that one operation charges
        self.most = min(MAX_NANO, MAX_NANO + book.available - book.debt)  # what is not covered becomes debt
        self.rollups = Rollups(book.workspace_id, source)

    def add(self, item: Checked) -> None:
        """Accept or count one event. Raises EventConflict and EventRejected; the others go on."""
        event = item.event
        before = self.known.get(event.event_id)
        if before is not None:
            if before != item.hash:
                raise EventConflict(event.event_id)
            self.duplicates += 1
            return
        hold = None if event.hold is None else hold_named(self.book, self.source, event, self.holds)
        rated = rate_event(
            event,
            hash=item.hash,
            now=self.book.now,
            project_id=self.projects[event.project],
            allowances=self.allowances,
            counters=self.counters,
            site=self.site,
        )
        if self.total + rated.nano > self.most:
            raise does_not_fit(event.event_id)
        take_included(rated, self.allowances, self.counters)
        if hold is None:
            rated.offset = self.pooled
            self.pooled += rated.nano
        else:
            self.holds[hold.id] = hold
        self.total += rated.nano
        self.known[event.event_id] = item.hash
        self.accepted.append(rated)
        self.rollups.add(rated)
        if rated.problem:
            self.unrated.append(Issue(item.place, event.event_id, rated.problem, rated.detail))

    def write(self) -> None:
        """Charge events with a hold one by one, then the sum of the others; then events, then totals in key order;
        nothing new writes nothing.
        """
        if not self.accepted:
            return
        charged = {id(rated): charge(self.book, self.source, rated, hold) for rated, hold in self._held()}
        pooled = self._spend() if self.pooled else None
        book, rollups = self.book, self.rollups
        series = series_ids((key for _, key in rollups.usage), rated=frozenset(rollups.rated), now=book.now)
        rows = store.Rows(
            workspace_id=book.workspace_id,
            source=self.source,
            now=book.now,
            usd_per_credit=self.site.usd_per_credit,
        )
        store.copy_events(
            rows.row(rated, operation_id=charged.get(id(rated), pooled) if charged else pooled)
            for rated in self.accepted
        )
        end_users = end_user_ids(book.workspace_id, rollups.end_users, now=book.now)
        book.also(*store.write_rollups(rollups, series, end_users))
        kept = (*self.allowances.writes(), *self.counters.writes())
        for statement in (*kept, *counted(book, self.source, self.accepted)):
            book.also(*statement)

    def _held(self) -> list[tuple[RatedEvent, HoldState]]:
        return [(rated, self.holds[pk]) for rated in self.accepted if (pk := rated.event.hold) is not None]

    def _spend(self) -> int | None:
        charged = [rated for rated in self.accepted if rated.nano and rated.event.hold is None]
        items = items_digest((rated.event.event_id, rated.nano) for rated in charged)
        operation = OperationDraft(
            namespace=NAMESPACE,
            key=batch_key(self.source.origin, items),
            request_hash=sha256(b"".join(rated.hash for rated in charged)).digest(),
            kind="usage.spend",
        )
        self.book.spend(operation=operation, amount=self.pooled, occurred_at=self.book.now, items_digest=items)
        return operation.id
