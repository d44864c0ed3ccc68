"""Answers of the reading usage endpoints."""

from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from accounts.models import ApiKey, Workspace
from accounts.scopes import KeyKind
from billing.api import csvtext, jsontext
from billing.api.operations import answer
from billing.api.parameters import moment
from billing.api.present import amount, line, quantities
from billing.api.problems import Problem, invalid
from billing.api.schemas.lists import BreakdownQuery, EventsQuery, ReceiptQuery
from billing.credits import clock
from billing.ledger.records import hold_id
from billing.metering.models import UsageEvent
from billing.metering.selectors import breakdown as breakdowns
from billing.metering.selectors import days, receipts
from billing.metering.selectors import events as listing

LONGEST = timedelta(days=3_700)
CHUNK = 500


def event(row: UsageEvent) -> dict[str, Any]:
    reversal = row.reversed
    return {
        "event_id": row.event_id,
        "origin": row.origin,
        "occurred_at": row.occurred_at,
        "recorded_at": row.recorded_at,
        "model": f"{row.provider}/{row.model}" if row.provider else row.model,
        "usage": quantities(row.usage),
        "variant": row.variant,
        "project": row.project.slug if row.project else None,
        "key": row.api_key.prefix if row.api_key else None,
        "agent": row.agent or None,
        "app": row.app or None,
        "task": row.task or None,
        "end_user": row.end_user or None,
        "metadata": row.metadata,
        **amount("credits", row.amount),
        "cost_usd": row.cost_usd,
        "late": row.late,
        "unrated": row.problem,
        "priced_at": row.priced_at,
        "archived_at": row.archive.created_at if row.archive else None,
        "hold": hold_id(row.hold_id) if row.hold_id is not None else None,
        **amount("reversed", reversal.amount if reversal else 0),
        "reversed_at": reversal.created_at if reversal else None,
    }


def events(request: HttpRequest, workspace: Workspace, query: EventsQuery) -> HttpResponseBase:
    since, until = _range(workspace, query.from_, query.to)
    names = ("model", "project", "agent", "app", "task", "key", "end_user")
    where = {name: value for name in names if (value := getattr(query, name)) is not None}
    if csvtext.wanted(request):
        return csvtext.respond("usage-events", EVENT_COLUMNS, _event_rows(workspace, since, until, where))
    try:
        page = listing.events(
            workspace.pk, since=since, until=until, where=where, cursor=query.cursor, limit=query.limit
        )
    except listing.BadCursor as error:
        raise invalid(str(error), parameter="cursor") from error
    return answer({"data": [event(row) for row in page.events], "next_cursor": page.next_cursor})


EVENT_COLUMNS = (
    *("event_id", "occurred_at", "model", "project", "key", "agent", "app", "task", "end_user"),
    *("input_tokens", "output_tokens", "usage", "credits", "cost_usd", "unrated", "late", "reversed"),
)


def _event_rows(
    workspace: Workspace, since: datetime | None, until: datetime | None, where: Mapping[str, str]
) -> Iterator[list[Any]]:
    cursor: str | None = None
    while True:
        # Chunk by chunk: an export must not keep one snapshot open for long.
        page = listing.events(workspace.pk, since=since, until=until, where=where, cursor=cursor, limit=CHUNK)
        for row in page.events:
            shown = event(row)
            shown |= {name: shown["usage"].get(name) for name in ("input_tokens", "output_tokens")}
            shown["usage"] = jsontext.dumps(shown["usage"])
            yield [shown[column] for column in EVENT_COLUMNS]
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def receipt(workspace: Workspace, key: ApiKey, event_id: str, query: ReceiptQuery) -> dict[str, Any]:
    """The receipt of an event. The same id may exist once per class of key and source of CloudEvents: those of the
    caller's class come first, of them the one that was no CloudEvent, then the latest.
    """
    if "\0" in event_id:  # no id has one, and PostgreSQL refuses to look
        raise Problem("not_found")
    prefer = KeyKind(key.kind).value
    found = receipts.receipt(workspace.pk, event_id=event_id, prefer=prefer, source=query.source)
    if found is None:
        raise Problem("not_found", "No event with this id was recorded for this workspace.")
    return {
        **event(found.event),
        "hold_status": found.hold_status or None,
        "lines": [line(item) for item in found.lines],
        "lots": [
            {"lot": f"lot_{paid.lot_id}", "label": paid.label, **amount("credits", paid.nano)} for paid in found.paid
        ],
        **amount("debt", found.debt),
        "ledger_seq": found.seq,
        "chain_head": found.head.hex(),
    }


BREAKDOWN_COLUMNS = ("key", "name", "credits", "requests", "tokens", "quantity", "share_percent")


def breakdown(request: HttpRequest, workspace: Workspace, query: BreakdownQuery) -> HttpResponseBase:
    since, until = _range(workspace, query.from_, query.to)
    now = clock.now()
    zone = days.zone(workspace.time_zone)
    until = until or now
    since = since or days.starts(days.month_of(days.local_day(min(until, now), zone)), zone)
    if until.year == MAXYEAR:  # the day after it could not be told
        raise invalid("`to` lies too far in the future.", parameter="to")
    if until - since > LONGEST:
        raise invalid(f"At most {LONGEST.days} days can be asked for at once.", parameter="from")
    rows = [] if until <= since else breakdowns.breakdown(workspace, by=query.by, since=since, until=until)
    data = [
        {
            "key": row.key,
            "name": row.name,
            **amount("credits", row.nano),
            "requests": row.requests,
            "tokens": row.tokens,
            "quantity": row.quantity,
            "share_percent": round(row.share, 4),
        }
        for row in rows
    ]
    if csvtext.wanted(request):
        lines = ([row[column] for column in BREAKDOWN_COLUMNS] for row in data)
        return csvtext.respond(f"usage-by-{query.by}", BREAKDOWN_COLUMNS, lines)
    return answer(
        {
            "by": query.by,
            "from": since,
            "to": until,
            **amount("credits", sum(row.nano for row in rows)),
            "requests": sum(row.requests for row in rows),
            "data": data,
        }
    )


def _range(workspace: Workspace, since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    zone = workspace.time_zone
    start = moment(since, name="from", zone=zone)
    end = moment(until, name="to", zone=zone, end=True)
    if start is not None and end is not None and end < start:
        raise invalid("`to` is before `from`.", parameter="to")
    return start, end
