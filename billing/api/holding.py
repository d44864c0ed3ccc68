"""Answers of the hold endpoints."""

from decimal import Decimal
from typing import Any

from accounts.models import ApiKey
from billing.api.calls import Call
from billing.api.parameters import cursor_of, cursor_parts, moment
from billing.api.present import amount, line, quantities
from billing.api.problems import Problem
from billing.api.recording import source_of
from billing.api.refusals import problems
from billing.api.schemas.holds import AccuracyQuery, HoldsQuery
from billing.ledger.hold_services import hold_extend, hold_release
from billing.ledger.records import HoldResult, hold_id, parse_hold_id
from billing.metering.receipts import UsageTotals
from billing.usage.accuracy import Fit, estimate_accuracy
from billing.usage.authorize import authorize
from billing.usage.authorized import Authorized
from billing.usage.holds import HoldDetails, hold_details, hold_list
from billing.usage.sizing import audio_seconds
from billing.usage.wanted import json_object, parse_life


def authorized(*, call: Call, key: ApiKey, raw: object, idempotency_key: str) -> Authorized:
    """Hold credits for the request in `raw`. Raises Problem 400, 402, 409 or 422."""
    source = source_of(key, unchanged=call.unchanged)
    with problems():
        found = authorize(workspace=call.workspace, source=source, raw=raw, idempotency_key=idempotency_key)
    totals = UsageTotals.of(found.usage)
    call.count(
        input_tokens=totals.input_tokens,
        output_seconds=audio_seconds(found.usage),
        total_tokens=totals.total_tokens,
    )
    return found


def authorization(found: Authorized) -> dict[str, Any]:
    return {
        "hold": hold_id(found.hold_id),
        **amount("credits", found.amount),
        **amount("overdraft", found.overdraft),
        "expires_at": found.expires_at,
        **amount("balance", found.available),
        **amount("held", found.held),
        "state": found.state,
        "basis": found.basis,
        "note": found.note,
        "lines": [line(item) for item in found.lines],
    }


def listed(call: Call, query: HoldsQuery) -> dict[str, Any]:
    before = None
    if query.cursor is not None:
        (before,) = cursor_parts(query.cursor, int)
    found = hold_list(
        call.workspace.pk,
        status=None if query.status == "all" else query.status,
        before=before if isinstance(before, int) else None,
        limit=query.limit + 1,
    )
    page = found[: query.limit]
    return {
        "data": [document(each) for each in page],
        "next_cursor": cursor_of(page[-1].hold.id) if len(found) > len(page) else None,
    }


def one(call: Call, public_id: str) -> dict[str, Any]:
    """A hold of the caller's workspace, whichever class of key placed it. Raises Problem 404."""
    found = hold_details(call.workspace.pk, key_of(public_id))
    if found is None:
        raise Problem("not_found", "This workspace has no such hold.")
    return document(found)


def document(found: HoldDetails) -> dict[str, Any]:
    hold, asked, event = found.hold, found.authorization, found.event
    project = asked.api_key.project if asked and asked.api_key else None
    return {
        "hold": hold.public_id,
        "status": hold.status,
        "origin": hold.origin,
        **amount("credits", hold.amount),
        **amount("overdraft", hold.overdraft),
        "created_at": hold.created_at,
        "expires_at": hold.expires_at,
        "resolved_at": hold.resolved_at,
        "model": asked.model_ref if asked else "",
        "project": project.slug if project else (asked.project or None) if asked else None,
        "agent": (asked.agent or None) if asked else None,
        "app": (asked.app or None) if asked else None,
        "task": (asked.task or None) if asked else None,
        "basis": asked.basis if asked else "given",
        "usage": quantities(asked.usage) if asked else {},
        "event_id": event.event_id if event else None,
        **(amount("charged", event.amount) if event else {"charged": None, "charged_nano": None}),
    }


def released(*, call: Call, key: ApiKey, public_id: str, idempotency_key: str) -> HoldResult:
    """Raises Problem 404 or 409."""
    source = source_of(key)
    with problems():
        return hold_release(
            workspace_id=call.workspace.pk,
            hold_id=key_of(public_id),
            origin=source.origin,
            namespace=f"hold.{source.origin}",
            key=idempotency_key,
        )


def extended(*, call: Call, key: ApiKey, public_id: str, raw: object, idempotency_key: str) -> HoldResult:
    """Raises Problem 400, 404 or 409."""
    source = source_of(key)
    with problems():
        body = json_object(raw, frozenset({"expires_in"}))
        return hold_extend(
            workspace_id=call.workspace.pk,
            hold_id=key_of(public_id),
            origin=source.origin,
            expires_in=parse_life(body.get("expires_in")),
            namespace=f"hold.{source.origin}",
            key=idempotency_key,
        )


def changed(result: HoldResult, status: str) -> dict[str, Any]:
    return {
        "hold": hold_id(result.hold_id),
        "status": status,
        **amount("credits", result.amount),
        "expires_at": result.expires_at,
        **amount("balance", result.available),
        **amount("held", result.held),
    }


def key_of(public_id: str) -> int:
    """The primary key in a hold's id. Raises Problem 404 for a text that is none."""
    pk = parse_hold_id(public_id)
    if pk is None:
        raise Problem("not_found", "This workspace has no such hold.")
    return pk


def accuracy(call: Call, query: AccuracyQuery) -> dict[str, Any]:
    since = moment(query.from_, name="from", zone=call.workspace.time_zone)
    found = estimate_accuracy(call.workspace.pk, since=since, by=query.by)
    return {
        "from": found.since,
        "by": query.by,
        "total": _fit(found.total),
        "data": [_fit(row) for row in found.rows],
    }


def _fit(row: Fit) -> dict[str, Any]:
    names = ("key", "holds", "settled", "released", "expired", "open", "covered")
    percents: dict[str, Decimal | None] = {
        name: getattr(row, name) for name in ("covered_percent", "median_percent", "p95_percent")
    }
    return {name: getattr(row, name) for name in names} | percents
