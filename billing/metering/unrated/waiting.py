"""Which events wait for a price: for the job that charges them, and for staff, by what they wait for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from time import monotonic
from typing import NamedTuple

from django.db import connection
from django.db.models import Q

from billing.credits import clock
from billing.credits.units import AmountOutOfRange
from billing.metering.models import UsageEvent
from billing.metering.unrated.instants import later_price, missing, priced_as_of, stored_input
from billing.pricing.book import prices_for

CHUNK = 2_000  # events read at once
PORTION = 200  # of one workspace, charged at once
MOST_GROUPS = 100
COMMITTED_WITHIN = timedelta(minutes=10)  # an event may become visible so long after its recorded_at
LOOK_AGAIN = 3_600  # seconds, whatever is known: a restored backup may have brought back what was charged

_GROUPS = """
SELECT provider, model, problem, meters, variant::text, count(*), count(DISTINCT workspace_id), min(occurred_at),
    max(recorded_at), min(id)
FROM (
    SELECT provider, model, problem, variant, workspace_id, occurred_at, recorded_at, id,
        ARRAY(SELECT jsonb_object_keys(usage) ORDER BY 1) AS meters
    FROM metering_usageevent WHERE problem <> ''
) waiting GROUP BY provider, model, problem, meters, variant::text ORDER BY count(*) DESC, min(id) LIMIT %s
"""


@dataclass(frozen=True)
class Waiting:
    """Events that wait for the same: a model, or meters of one. `detail` says what is missing at today's prices; empty
    when nothing is, so that they are about to be charged.
    """

    model: str  # as usage names it; empty for the platform's own meters
    problem: str
    meters: tuple[str, ...]
    events: int
    workspaces: int
    since: datetime  # when the first of them occurred
    latest: datetime  # when the last of them was recorded
    detail: str
    sample: int  # the first of them
    reached_at: datetime | None  # when prices began that cover it, after it occurred: staff decide whether they count


def how_many(workspace_id: int | None = None) -> int:
    """Events that wait for a price: of one workspace, or of all."""
    waiting = UsageEvent.objects.exclude(problem="")
    return (waiting if workspace_id is None else waiting.filter(workspace_id=workspace_id)).count()


def groups(limit: int = MOST_GROUPS, *, now: datetime | None = None) -> list[Waiting]:
    """What events wait for, the most wanted first."""
    now = now or clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, [limit])
        rows = cursor.fetchall()
    samples = UsageEvent.objects.in_bulk([row[-1] for row in rows])
    return [
        Waiting(
            model=" ".join(stored_input(samples[pk]).model.split()),
            problem=problem,
            meters=tuple(" ".join(meter.split()) for meter in meters),
            events=events,
            workspaces=workspaces,
            since=since,
            latest=latest,
            detail=" ".join(_missing(samples[pk]).split()),
            sample=pk,
            reached_at=later_price(samples[pk], now),
        )
        for _, _, problem, meters, _, events, workspaces, since, latest, pk in rows
        if pk in samples  # else it was charged in between
    ]


def of_group(sample: int) -> Iterator[tuple[int, list[int]]]:
    """(workspace, events) that wait for the same as `sample`, portion by portion; none when it waits no more."""
    first = UsageEvent.objects.filter(pk=sample).exclude(problem="").first()
    if first is None:
        return
    alike = UsageEvent.objects.filter(
        provider=first.provider,
        model=first.model,
        problem=first.problem,
        variant=first.variant,
        usage__has_keys=list(first.usage),
    ).order_by("workspace_id", "recorded_at", "pk")
    rows = [
        (workspace_id, pk)
        for workspace_id, pk, usage in alike.values_list("workspace_id", "pk", "usage").iterator(chunk_size=CHUNK)
        if usage.keys() == first.usage.keys()
    ]
    for workspace_id, found in groupby(rows, key=lambda row: row[0]):
        pks = [pk for _, pk in found]
        yield from ((workspace_id, pks[start : start + PORTION]) for start in range(0, len(pks), PORTION))


class _Looked(NamedTuple):
    prices: object
    until: datetime
    all_at: float  # of the monotonic clock, when it looked through all of it


_looked: _Looked | None = None  # by this process


def looked_until(prices: object) -> datetime | None:
    """Until when this process has looked through all that waits at these `prices` (an edition of the book), so that
    what was recorded before need not be rated again each minute; None: not yet.
    """
    if _looked is None or _looked.prices is not prices or monotonic() - _looked.all_at > LOOK_AGAIN:
        return None
    return _looked.until


def has_looked(prices: object, *, since: datetime | None, at: datetime) -> None:
    """At `at` this process began to look through what waited `since` then, and what `prices` cover was charged."""
    global _looked
    all_at = _looked.all_at if _looked and since else monotonic()
    _looked = _Looked(prices, at - COMMITTED_WITHIN, all_at)


def chargeable(*, since: datetime | None = None) -> Iterator[tuple[int, list[int]]]:
    """(workspace, events) that the prices of now cover, portion by portion in the order in which they were recorded;
    of those only that were recorded from `since` on.
    """
    waiting = UsageEvent.objects.exclude(problem="")
    if since is not None:
        waiting = waiting.filter(recorded_at__gte=since)
    models = waiting.values_list("provider", "model").distinct().order_by()
    known = {pair for pair in models if prices_for(_ref(*pair)) is not None}
    if not known:
        return
    candidates = waiting.filter(model__in={model for _, model in known}).order_by("workspace_id", "recorded_at", "pk")
    after = Q()
    while rows := list(candidates.filter(after)[:CHUNK]):
        covered = [row for row in rows if (row.provider, row.model) in known and not _missing(row)]
        for workspace_id, found in groupby(covered, key=lambda row: row.workspace_id):
            pks = [row.pk for row in found]
            yield from ((workspace_id, pks[start : start + PORTION]) for start in range(0, len(pks), PORTION))
        last = rows[-1]
        later = Q(recorded_at__gt=last.recorded_at) | Q(recorded_at=last.recorded_at, pk__gt=last.pk)
        after = Q(workspace_id__gt=last.workspace_id) | Q(later, workspace_id=last.workspace_id)


def _ref(provider: str, model: str) -> str:
    return f"{provider}/{model}" if provider and model else model


def _missing(row: UsageEvent) -> str:
    """What keeps the event from being charged; empty when nothing does."""
    try:
        return missing(row, priced_as_of(row))
    except AmountOutOfRange:
        return "This usage would cost more than the ledger can hold."
