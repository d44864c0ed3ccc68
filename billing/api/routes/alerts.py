"""/api/v1/alerts: what people of a workspace are told of its usage."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import alerting, bodies
from billing.api.idempotency import REPLAY, idempotency_key
from billing.api.operations import answer, caller, declared
from billing.api.schemas.alerts import AlertsBody, AlertsDocument

router = Router(tags=["Credits"])


@router.get(
    "/settings",
    **declared(Scope.BILLING_READ, {200: AlertsDocument}),
    operation_id="alerts_settings",
    summary="Usage alerts: what is told, below which balance it is low, and what was told",
)
def settings(request: HttpRequest) -> HttpResponse:
    """The page Alerts & limits says the same in sentences."""
    call, _ = caller(request)
    return answer(alerting.settings(call.workspace))


@router.post(
    "/settings",
    **declared(
        Scope.BILLING_WRITE,
        {200: AlertsDocument},
        problems=(409, 422),
        body=AlertsBody,
        body_limit=bodies.SINGLE_LIMIT,
        idempotent=True,
    ),
    operation_id="alerts_change",
    summary="Change what is told",
)
def change(request: HttpRequest) -> HttpResponse:
    """What is left out stays. The same body again changes nothing; with an Idempotency-Key it is answered as the first
    time.
    """
    call, key = caller(request)
    changed, replay = alerting.change(
        workspace=call.workspace,
        key=key,
        raw=bodies.parse(request.body),
        idempotency_key=idempotency_key(request),
        request=request,
    )
    return answer(changed, headers=REPLAY if replay else None)
