"""/api/v1/auto-top-up: what is charged automatically, and changing it within what a person agreed to."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import autotopup, bodies
from billing.api.idempotency import REPLAY, idempotency_key
from billing.api.operations import answer, caller, declared
from billing.api.schemas.autotopup import AutoTopUpBody, AutoTopUpDocument

router = Router(tags=["Credits"])


@router.get(
    "/settings",
    **declared(Scope.BILLING_READ, {200: AutoTopUpDocument}),
    operation_id="auto_top_up_settings",
    summary="Automatic top-ups: what is set, what was charged, what the next charge would be",
)
def settings(request: HttpRequest) -> HttpResponse:
    """Off until a person has agreed to it on the page at `consent_url`."""
    call, _ = caller(request)
    return answer(autotopup.settings(call.workspace))


@router.post(
    "/settings",
    **declared(
        Scope.BILLING_WRITE,
        {200: AutoTopUpDocument},
        problems=(409, 422),
        body=AutoTopUpBody,
        body_limit=bodies.SINGLE_LIMIT,
        idempotent=True,
        while_suspended=True,
    ),
    operation_id="auto_top_up_change",
    summary="Change automatic top-ups, or switch them on or off",
)
def change(request: HttpRequest) -> HttpResponse:
    """What is left out stays. On, it can only be as a person agreed to, or less: else `consent_required`, and nothing
    is changed. The keys of a suspended workspace can only switch it off: `{"enabled": false}`. The same body again
    changes nothing; with an Idempotency-Key it is answered as the first time.
    """
    call, key = caller(request)
    changed, replay = autotopup.change(
        workspace=call.workspace,
        key=key,
        raw=bodies.parse(request.body),
        idempotency_key=idempotency_key(request),
        request=request,
    )
    return answer(changed, headers=REPLAY if replay else None)
