"""Recording usage that comes as CloudEvents: like `recording`, each under the origin that its source has."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from accounts.models import ApiKey, Workspace
from accounts.scopes import KeyKind
from billing.api.calls import Call
from billing.api.cloudevents import Envelope, opened
from billing.api.problems import Problem
from billing.api.recording import Named, Outcome, Share, count, parsed, record_shares, source_of
from billing.api.refusals import problems
from billing.metering.errors import EventRejected
from billing.metering.receipts import Issue, Receipt
from billing.metering.record import usage_record
from billing.metering.validate import parse_event


def record_one(*, call: Call, key: ApiKey, raw: object) -> Receipt:
    """Record the usage in a CloudEvent. Raises Problem 400, 404, 409 or 422."""
    with problems():
        envelope = opened(raw)
        workspace = _workspace_of(call, key, envelope, Named())
        try:
            event = parse_event(envelope.body)
            source = source_of(key, envelope.source)
            receipt = usage_record(workspace_id=workspace.pk, source=source, event=event)
        except EventRejected as error:
            error.pointer = envelope.place(error.pointer)
            raise
    count(call, receipt.usage)
    return receipt


def record_many(*, call: Call, key: ApiKey, raws: Sequence[Any]) -> Outcome:
    """Record each CloudEvent that is well-formed; pointers of what is refused lead into its CloudEvent."""
    refused: list[Issue] = []
    envelopes: dict[int, Envelope] = {}
    shares: dict[tuple[int, str], Share] = {}
    named = Named()
    for index, raw in enumerate(raws):
        try:
            envelope = opened(raw)
            workspace = _workspace_of(call, key, envelope, named)
        except EventRejected as error:
            refused.append(Issue(index, error.event_id, error.code, error.detail, error.pointer))
            continue
        envelopes[index] = envelope
        source = source_of(key, envelope.source)
        share = shares.setdefault((workspace.pk, source.origin), Share(workspace, source))
        share.places.append(index)
        share.events.append(parsed(envelope.body))
    outcome = Outcome(list(shares.values()), workspace=call.known_workspace)
    record_shares(call, outcome)
    placed = [replace(issue, pointer=envelopes[issue.index].place(issue.pointer)) for issue in outcome.rejected]
    outcome.rejected = refused + placed
    return outcome


def _workspace_of(call: Call, key: ApiKey, envelope: Envelope, named: Named) -> Workspace:
    """The workspace of subject, header or key, which must not contradict each other. Raises EventRejected."""
    known, subject = call.known_workspace, envelope.subject
    if not subject:
        if known is None:
            detail = "Name the workspace in subject or in the Purser-Workspace header."
            raise EventRejected("invalid_request", detail, "/subject", event_id=envelope.id)
        return known
    if key.kind != KeyKind.SERVICE:
        if subject not in (call.workspace.public_id, call.workspace.external_id):
            raise EventRejected("not_found", "This key belongs to another workspace.", "/subject", event_id=envelope.id)
        return call.workspace
    try:
        found = named[subject]
    except Problem as error:
        raise EventRejected("not_found", error.detail, "/subject", event_id=envelope.id) from error
    if known is not None and found.pk != known.pk:
        detail = "subject is another workspace than the Purser-Workspace header names."
        raise EventRejected("invalid_request", detail, "/subject", event_id=envelope.id)
    return found
