"""/api/v1/usage/authorize and /api/v1/usage/holds: credits held for requests that are running."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import bodies, holding, settling
from billing.api.idempotency import REPLAY, idempotency_key
from billing.api.operations import answer, caller, declared
from billing.api.parameters import query
from billing.api.schemas.holds import (
    Accuracies,
    AccuracyQuery,
    AuthorizeBody,
    Authorized,
    ExtendBody,
    HoldChanged,
    HoldDocument,
    Holds,
    HoldsQuery,
    SettleBody,
    Settled,
)

router = Router(tags=["Holds"])


@router.post(
    "/authorize",
    **declared(
        Scope.USAGE_WRITE,
        {201: Authorized},
        problems=(402, 409, 422),
        body=AuthorizeBody,
        body_limit=bodies.BATCH_LIMIT,  # of a text
        idempotent=True,
    ),
    operation_id="usage_authorize",
    summary="Hold credits for a request before it is made",
)
def authorize(request: HttpRequest) -> HttpResponse:
    """Enforces balance, limits and qualities. What is held cannot be spent by anything else until it is settled or
    released, or expires; only keys of the same class may do that.
    """
    call, key = caller(request)
    found = holding.authorized(
        call=call, key=key, raw=bodies.parse(request.body), idempotency_key=idempotency_key(request)
    )
    return answer(holding.authorization(found), status=201, headers=REPLAY if found.replay else None)


@router.get(
    "/holds",
    **declared(Scope.USAGE_READ, {200: Holds}, query=HoldsQuery),
    operation_id="usage_holds",
    summary="Holds, newest first",
)
def holds(request: HttpRequest) -> HttpResponse:
    """The open ones, unless another status is asked for."""
    call, _ = caller(request)
    return answer(holding.listed(call, query(request, HoldsQuery)))


@router.get(
    "/holds/accuracy",
    **declared(Scope.USAGE_READ, {200: Accuracies}, query=AccuracyQuery),
    operation_id="usage_holds_accuracy",
    summary="How well holds fitted what was then charged",
)
def accuracy(request: HttpRequest) -> HttpResponse:
    """Of the latest 10,000 holds since `from`, in all and by model, task, or what they were sized by."""
    call, _ = caller(request)
    return answer(holding.accuracy(call, query(request, AccuracyQuery)))


@router.get(
    "/holds/{hold_id}",
    **declared(Scope.USAGE_READ, {200: HoldDocument}),
    operation_id="usage_hold",
    summary="One hold",
)
def hold(request: HttpRequest, hold_id: str) -> HttpResponse:
    """What it was placed for, and once it is settled what that cost."""
    call, _ = caller(request)
    return answer(holding.one(call, hold_id))


@router.post(
    "/holds/{hold_id}/settle",
    **declared(
        Scope.USAGE_WRITE,
        {201: Settled},
        problems=(409, 422),
        body=SettleBody,
        body_limit=bodies.SINGLE_LIMIT,
    ),
    operation_id="usage_hold_settle",
    summary="Record what the request used and charge it to its hold",
)
def settle(request: HttpRequest, hold_id: str) -> HttpResponse:
    """The hold pays first; what it does not cover comes from the balance, what is left of it is free again. An expired
    hold charges the balance. Idempotent by `event_id`, which is the hold's id unless you name one.
    """
    call, key = caller(request)
    receipt = settling.settle(call=call, key=key, public_id=hold_id, raw=bodies.parse(request.body))
    return answer(settling.settled(receipt, hold_id), status=201, headers=REPLAY if receipt.replay else None)


@router.post(
    "/holds/{hold_id}/release",
    **declared(Scope.USAGE_WRITE, {200: HoldChanged}, problems=(409,), idempotent=True),
    operation_id="usage_hold_release",
    summary="Give a hold back: the request used nothing",
)
def release(request: HttpRequest, hold_id: str) -> HttpResponse:
    """Takes no body. Releasing it again answers as the first time."""
    call, key = caller(request)
    result = holding.released(call=call, key=key, public_id=hold_id, idempotency_key=idempotency_key(request))
    return answer(holding.changed(result, "released"), headers=REPLAY if result.replay else None)


@router.post(
    "/holds/{hold_id}/extend",
    **declared(
        Scope.USAGE_WRITE,
        {200: HoldChanged},
        problems=(409,),
        body=ExtendBody,
        body_limit=bodies.SINGLE_LIMIT,
        idempotent=True,
    ),
    operation_id="usage_hold_extend",
    summary="Give a hold more time",
)
def extend(request: HttpRequest, hold_id: str) -> HttpResponse:
    """It then expires `expires_in` seconds from now, and never earlier than before; 24 hours after it was placed at the
    latest.
    """
    call, key = caller(request)
    result = holding.extended(
        call=call,
        key=key,
        public_id=hold_id,
        raw=bodies.parse(request.body),
        idempotency_key=idempotency_key(request),
    )
    return answer(holding.changed(result, "open"), headers=REPLAY if result.replay else None)
