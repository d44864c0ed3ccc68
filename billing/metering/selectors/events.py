"""The list of single requests, newest first."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice

from django.db.models import Q, QuerySet

from billing.metering.models import UsageEvent
from billing.metering.rated import CLOCK_SKEW

MOST = 500


class BadCursor(ValueError):
    """A cursor that this list did not give."""


@dataclass(frozen=True)
class EventPage:
    events: list[UsageEvent]
    next_cursor: str | None


def events(
    workspace_id: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    where: Mapping[str, str] | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> EventPage:
    """Events that occurred in [since, until), newest first, with their project, key, reversal and archive loaded.

    `where` may name model ("openai/gpt-4o-mini" or without provider), provider, project (slug or id), agent, app,
    task, key (id or prefix), end_user, problem. Raises BadCursor.
    """
    found = _of(workspace_id)
    if since:
        found = found.filter(occurred_at__gte=since)
    if until:
        found = found.filter(occurred_at__lt=until)
    for name, value in (where or {}).items():
        found = _narrowed(found, name, value)
    return _page([found], cursor, limit)


def booked_events(
    workspace_id: int,
    *,
    since: datetime,
    until: datetime,
    where: Mapping[str, str] | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> EventPage:
    """Events that count in [since, until): those whose amounts and requests the hourly totals have there. Sorted,
    loaded and narrowed as `events`. Raises BadCursor.
    """
    booked = _of(workspace_id).filter(booked_at__gte=since, booked_at__lt=until)
    for name, value in (where or {}).items():
        booked = _narrowed(booked, name, value)
    # Along an index each: one that is not late is booked when it occurred, or less than CLOCK_SKEW before.
    in_time = booked.filter(late=False, occurred_at__gte=since, occurred_at__lt=until + CLOCK_SKEW)
    return _page([in_time, booked.filter(late=True)], cursor, limit)


def _of(workspace_id: int) -> QuerySet[UsageEvent]:
    found = UsageEvent.objects.filter(workspace_id=workspace_id)
    return found.select_related("project", "api_key", "reversal", "archive")


def _page(sources: Iterable[QuerySet[UsageEvent]], cursor: str | None, limit: int) -> EventPage:
    """The newest of all sources after the cursor."""
    after: tuple[Q, ...] = ()
    if cursor:
        at, pk = _decoded(cursor)
        after = Q(occurred_at__lt=at) | Q(occurred_at=at, pk__lt=pk), Q(occurred_at__lte=at)
    limit = max(1, min(limit, MOST))
    found = [list(rows.filter(*after).order_by("-occurred_at", "-pk")[: limit + 1]) for rows in sources]
    page = list(islice(merge(*found, key=_place, reverse=True), limit + 1))
    last = page[limit - 1] if len(page) > limit else None
    return EventPage(page[:limit], _encoded(last) if last else None)


def _place(event: UsageEvent) -> tuple[datetime, int]:
    return event.occurred_at, event.pk


def _narrowed(found: QuerySet[UsageEvent], name: str, value: str) -> QuerySet[UsageEvent]:
    if name == "model":
        provider, slash, model = value.partition("/")
        whole = Q(model=value)
        return found.filter(whole | Q(provider=provider, model=model) if slash else whole)
    if name == "project":
        return found.filter(Q(project__slug=value) | (Q(project_id=int(value)) if _is_id(value) else Q()))
    if name == "key":
        return found.filter(Q(api_key__prefix=value) | (Q(api_key_id=int(value)) if _is_id(value) else Q()))
    if name in ("provider", "agent", "app", "task", "end_user", "problem"):
        return found.filter(**{name: value})
    raise ValueError(f"events cannot be filtered by {name}")


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 19


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _encoded(event: UsageEvent) -> str:
    mark = f"{(event.occurred_at - _EPOCH) // _MICROSECOND}:{event.pk}"
    return base64.urlsafe_b64encode(mark.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[datetime, int]:
    try:
        mark = base64.b64decode(cursor.encode("ascii") + b"==", altchars=b"-_").decode("ascii")
        micros, _, pk = mark.partition(":")
        if not (_is_id(micros) and _is_id(pk)):
            raise BadCursor(cursor)
        return _EPOCH + int(micros) * _MICROSECOND, int(pk)
    except (ValueError, OverflowError, binascii.Error):
        raise BadCursor("This cursor is not one that the list gave.") from None
