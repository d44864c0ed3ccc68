"""Recording usage: from parsed JSON to the metering service and back to an answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts.models import ApiKey, Workspace
from accounts.scopes import KeyKind
from billing.api.access import workspace_named
from billing.api.calls import Call
from billing.api.present import amount, line
from billing.api.problems import Problem, invalid
from billing.api.refusals import problems
from billing.ledger import selectors as ledger
from billing.metering.errors import EventRejected
from billing.metering.events import EventInput, Source
from billing.metering.origins import cloud_origin
from billing.metering.receipts import BatchResult, Issue, Receipt, UsageTotals
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.validate import parse_event

MOST_EVENTS = 1000


def record_one(*, call: Call, key: ApiKey, raw: object) -> Receipt:
    """Record the event in `raw`. Raises Problem 400, 404, 409 or 422."""
    with problems():
        event = parse_event(raw)
        source = source_of(key, unchanged=call.unchanged)
        receipt = usage_record(workspace_id=call.workspace.pk, source=source, event=event)
    count(call, receipt.usage)
    return receipt


def source_of(key: ApiKey, cloud_source: str = "", *, unchanged: tuple[str, tuple[str, ...]] | None = None) -> Source:
    # The class of key is the namespace of event ids: a customer's id never blocks the operator's.
    origin = KeyKind(key.kind).value
    return Source(
        origin=cloud_origin(origin, cloud_source) if cloud_source else origin,
        api_key_id=key.pk,
        project_id=key.project_id,
        member_id=None if key.workspace_id is None else key.created_by_id,
        unchanged=unchanged,
    )


def recorded(receipt: Receipt) -> dict[str, Any]:
    balance = receipt.balance
    charged = amount("credits", receipt.nano)
    left = amount("balance", balance.available)
    body: dict[str, Any] = {
        "event_id": receipt.event_id,
        **charged,
        "cost_usd": receipt.cost_usd,
        "usage": {
            "input_tokens": receipt.usage.input_tokens,
            "output_audio_seconds": receipt.usage.output_audio_seconds,
            "total_tokens": receipt.usage.total_tokens,
            "billable_tokens": charged["credits"],
            "remaining_balance": left["balance"],
        },
        **left,
        **amount("held", balance.held),
        **amount("debt", balance.debt),
        "state": balance.state,
        "lines": [line(item) for item in receipt.lines],
        "late": receipt.late,
        "unrated": receipt.problem,
    }
    if receipt.hold_status:
        body["hold_status"] = receipt.hold_status
    return body


@dataclass
class Share:
    """The events of one workspace and origin in a batch, with their places in it."""

    workspace: Workspace
    source: Source
    places: list[int] = field(default_factory=list)
    events: list[EventInput | EventRejected] = field(default_factory=list)
    result: BatchResult | None = None


@dataclass
class Outcome:
    shares: list[Share]
    workspace: Workspace | None = None  # the caller's
    rejected: list[Issue] = field(default_factory=list)


class Named(dict[str, Workspace]):
    """The workspaces that the events of one batch name, each looked up once."""

    def __missing__(self, name: str) -> Workspace:
        workspace = self[name] = workspace_named(name)
        return workspace


def events_of(raw: object) -> list[Any]:
    """The list in a batch body. Raises Problem 400."""
    if not isinstance(raw, dict) or set(raw) != {"events"} or not isinstance(raw["events"], list):
        raise invalid('A batch is {"events": [ … ]}.', pointer="/events")
    events: list[Any] = raw["events"]
    if not 0 < len(events) <= MOST_EVENTS:
        raise invalid(f"A batch has 1 to {MOST_EVENTS} events, not {len(events)}.", pointer="/events")
    return events


def record_many(*, call: Call, key: ApiKey, raws: Sequence[Any]) -> Outcome:
    """Record each event that is well-formed."""
    outcome = _shares(call, key, raws)
    record_shares(call, outcome)
    return outcome


def record_shares(call: Call, outcome: Outcome) -> None:
    """Commit workspace by workspace, in one order for all callers."""
    for share in sorted(outcome.shares, key=_turn):
        share.result = usage_record_batch(workspace_id=share.workspace.pk, source=share.source, events=share.events)
        outcome.rejected += _at(share, share.result.rejected)
        refused = {issue.index for issue in share.result.rejected}
        counted = (
            event.usage
            for index, event in enumerate(share.events)
            if isinstance(event, EventInput) and index not in refused
        )
        count(call, UsageTotals.over(counted))


def _turn(share: Share) -> tuple[int, str]:
    return share.workspace.pk, share.source.origin


def batch_recorded(outcome: Outcome) -> dict[str, Any]:
    results = [(share, share.result) for share in outcome.shares if share.result is not None]
    unrated = [issue for share, result in results for issue in _at(share, result.unrated)]
    body: dict[str, Any] = {
        "accepted": sum(result.accepted for _, result in results),
        "duplicates": sum(result.duplicates for _, result in results),
        "unrated": [_issue(issue) for issue in sorted(unrated, key=lambda issue: issue.index)],
        "rejected": [_issue(issue) for issue in sorted(outcome.rejected, key=lambda issue: issue.index)],
        **amount("credits", sum(result.nano for _, result in results)),
        "balance": None,
        "balance_nano": None,
    }
    if (available := _available(outcome)) is not None:
        body |= amount("balance", available)
    if len({share.workspace.pk for share, _ in results}) > 1:
        body["workspaces"] = _by_workspace(results)
    return body


def _available(outcome: Outcome) -> int | None:
    """The balance of the batch's one workspace, also when nothing in it could be recorded."""
    if len({share.workspace.pk for share in outcome.shares}) > 1:
        return None
    for share in sorted(outcome.shares, key=_turn, reverse=True):  # what was committed last knows the balance
        if share.result is not None and share.result.balance is not None:
            return share.result.balance.available
    workspace = outcome.shares[0].workspace if outcome.shares else outcome.workspace
    return ledger.balance(workspace.pk).available if workspace is not None else None


def _shares(call: Call, key: ApiKey, raws: Sequence[Any]) -> Outcome:
    shares: dict[int, Share] = {}
    source = source_of(key)
    named = Named()
    outcome = Outcome([], workspace=call.known_workspace)
    for index, raw in enumerate(raws):
        try:
            workspace, body = _workspace_of(call, key, raw, named)
        except EventRejected as error:
            outcome.rejected.append(Issue(index, error.event_id, error.code, error.detail, error.pointer))
            continue
        share = shares.get(workspace.pk)
        if share is None:
            share = shares[workspace.pk] = Share(workspace, source)
        share.places.append(index)
        share.events.append(parsed(body))
    outcome.shares = list(shares.values())
    return outcome


def parsed(raw: object) -> EventInput | EventRejected:
    try:
        return parse_event(raw)
    except EventRejected as error:
        return error


def _workspace_of(call: Call, key: ApiKey, raw: Any, named: Named) -> tuple[Workspace, Any]:
    """The event's workspace and the event without that field. Raises EventRejected."""
    if not isinstance(raw, dict) or raw.get("workspace") is None:
        if call.known_workspace is None:
            detail = "Name the workspace in the event or in the Purser-Workspace header."
            raise EventRejected("invalid_request", detail, "/workspace", event_id=_named(raw))
        if isinstance(raw, dict) and "workspace" in raw:
            raw = {name: value for name, value in raw.items() if name != "workspace"}
        return call.known_workspace, raw
    body = dict(raw)
    name = body.pop("workspace")
    if key.kind != KeyKind.SERVICE and name not in (call.workspace.public_id, call.workspace.external_id):
        raise EventRejected("not_found", "This key belongs to another workspace.", "/workspace", event_id=_named(raw))
    try:
        return named[name] if isinstance(name, str) else workspace_named(name), body
    except Problem as error:
        raise EventRejected("not_found", error.detail, "/workspace", event_id=_named(raw)) from error


def _named(raw: Any) -> str:
    named = raw.get("event_id") if isinstance(raw, dict) else None
    return named[:200].encode("utf-8", "replace").decode().replace("\0", "\ufffd") if isinstance(named, str) else ""


def _at(share: Share, issues: Iterable[Issue]) -> list[Issue]:
    """`issues` with the places their events have in the whole batch."""
    return [
        Issue(share.places[issue.index], issue.event_id, issue.code, issue.detail, issue.pointer) for issue in issues
    ]


def _issue(issue: Issue) -> dict[str, Any]:
    body: dict[str, Any] = {
        "index": issue.index,
        "event_id": issue.event_id or None,
        "code": issue.code,
        "detail": issue.detail,
    }
    if issue.pointer:
        body["pointer"] = issue.pointer
    return body


def _by_workspace(results: Sequence[tuple[Share, BatchResult]]) -> list[dict[str, Any]]:
    """What was recorded for each workspace; its balance is that of what was committed last."""
    found: dict[str, list[BatchResult]] = {share.workspace.public_id: [] for share, _ in results}
    for share, result in sorted(results, key=lambda each: _turn(each[0])):
        if result.balance is not None:
            found[share.workspace.public_id].append(result)
    return [
        {
            "workspace": workspace,
            "accepted": sum(result.accepted for result in of_one),
            "duplicates": sum(result.duplicates for result in of_one),
            **amount("credits", sum(result.nano for result in of_one)),
            **amount("balance", balance.available if (balance := of_one[-1].balance) else 0),
        }
        for workspace, of_one in found.items()
        if of_one
    ]


def count(call: Call, used: UsageTotals) -> None:
    call.count(input_tokens=used.input_tokens, output_seconds=used.output_audio_seconds, total_tokens=used.total_tokens)
