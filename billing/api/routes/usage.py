"""/api/v1/usage: record, estimate, read."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Router

from accounts.scopes import Scope
from billing.api import bodies, cloudevents, estimating, eventing, recording, reports
from billing.api.operations import JSON, Body, answer, caller, declared
from billing.api.parameters import query
from billing.api.schemas.cloudevents import ATTRIBUTE_HEADERS, CloudEvent, CloudEventBatch, UsageData
from billing.api.schemas.lists import Breakdown, BreakdownQuery, Events, EventsQuery, ReceiptDocument, ReceiptQuery
from billing.api.schemas.usage import BatchRecorded, EstimateBody, Estimated, UsageBatch, UsageEvent, UsageRecorded

router = Router(tags=["Usage"])
REPLAY = {"Idempotent-Replay": "true"}


@router.post(
    "",
    **declared(
        Scope.USAGE_WRITE,
        {201: UsageRecorded},
        problems=(409, 422),
        body=UsageEvent,
        body_limit=bodies.SINGLE_LIMIT,
    ),
    operation_id="usage_record",
    summary="Record one completed request",
)
def record(request: HttpRequest) -> HttpResponse:
    """Usage that happened is always recorded: what the balance cannot cover becomes debt."""
    call, key = caller(request)
    receipt = recording.record_one(call=call, key=key, raw=bodies.parse(request.body))
    return answer(recording.recorded(receipt), status=201, headers=REPLAY if receipt.replay else None)


@router.post(
    "/batch",
    **declared(
        Scope.USAGE_WRITE,
        {200: BatchRecorded},
        body=UsageBatch,
        body_limit=bodies.BATCH_LIMIT,
        names_workspace=False,
    ),
    operation_id="usage_record_batch",
    summary="Record up to 1,000 completed requests",
)
def record_batch(request: HttpRequest) -> HttpResponse:
    """A bad event rejects itself alone; `rejected` and `unrated` name events by their index.

    With a service key, events may name their `workspace`; each workspace's events are committed together.
    """
    call, key = caller(request)
    raws = recording.events_of(bodies.parse(request.body))
    return answer(recording.batch_recorded(recording.record_many(call=call, key=key, raws=raws)))


@router.post(
    "/estimate",
    **declared(
        Scope.USAGE_READ,
        {200: Estimated},
        problems=(402, 422),
        body=EstimateBody,
        body_limit=bodies.BATCH_LIMIT,  # of a text
    ),
    operation_id="usage_estimate",
    summary="What a request would cost",
)
def estimate(request: HttpRequest) -> HttpResponse:
    """Enforces balance, budgets, limits, qualities and pauses, and changes nothing."""
    call, key = caller(request)
    return answer(estimating.estimated(call=call, key=key, raw=bodies.parse(request.body)))


@router.post(
    "/events",
    **declared(
        Scope.USAGE_WRITE,
        {200: BatchRecorded, 201: UsageRecorded},
        problems=(409, 422),
        bodies={
            cloudevents.ONE: Body(CloudEvent, bodies.SINGLE_LIMIT),
            cloudevents.MANY: Body(CloudEventBatch, bodies.BATCH_LIMIT),
            JSON: Body(UsageData, bodies.SINGLE_LIMIT),
        },
        headers=ATTRIBUTE_HEADERS,
        names_workspace=False,
    ),
    operation_id="usage_record_cloudevents",
    summary="Record completed requests that come as CloudEvents",
)
def record_cloudevents(request: HttpRequest) -> HttpResponse:
    """One CloudEvent is answered (201) like `POST /api/v1/usage`, a batch of up to 1,000 (200) like
    `POST /api/v1/usage/batch`. `data` is a usage body. In binary mode the attributes are `ce-` headers and the body, of
    type `application/json`, is the usage.
    """
    call, key = caller(request)
    raw = bodies.parse(request.body)
    kind = (request.content_type or "").lower()
    if kind == cloudevents.MANY:
        outcome = eventing.record_many(call=call, key=key, raws=cloudevents.events_of(raw))
        return answer(recording.batch_recorded(outcome))
    event = raw if kind == cloudevents.ONE else cloudevents.of_headers(request.headers, raw)
    receipt = eventing.record_one(call=call, key=key, raw=event)
    return answer(recording.recorded(receipt), status=201, headers=REPLAY if receipt.replay else None)


@router.get(
    "/events",
    **declared(Scope.USAGE_READ, {200: Events}, query=EventsQuery, csv=True),
    operation_id="usage_events",
    summary="Recorded requests, newest first",
)
def events(request: HttpRequest) -> HttpResponseBase:
    """As CSV (`Accept: text/csv`) the whole selection, in one file."""
    call, _ = caller(request)
    return reports.events(request, call.workspace, query(request, EventsQuery))


@router.get(
    "/events/{any:event_id}",
    **declared(Scope.USAGE_READ, {200: ReceiptDocument}, query=ReceiptQuery),
    operation_id="usage_receipt",
    summary="The receipt of one request",
)
def receipt(request: HttpRequest, event_id: str) -> HttpResponse:
    """Its lines and prices, the lots it was paid from, and the head of the ledger's chain that vouches for it."""
    call, key = caller(request)
    return answer(reports.receipt(call.workspace, key, event_id, query(request, ReceiptQuery)))


@router.get(
    "/breakdown",
    **declared(Scope.USAGE_READ, {200: Breakdown}, query=BreakdownQuery, csv=True),
    operation_id="usage_breakdown",
    summary="Usage by model, provider, meter, task, project, agent, app, key, day or month",
)
def breakdown(request: HttpRequest) -> HttpResponseBase:
    """From hourly totals: `from` and `to` count whole hours."""
    call, _ = caller(request)
    return reports.breakdown(request, call.workspace, query(request, BreakdownQuery))
