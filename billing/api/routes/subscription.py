"""/api/v1/subscription: a workspace's plan, and changing it."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import bodies, subscribing
from billing.api.idempotency import REPLAY, idempotency_key
from billing.api.operations import answer, caller, declared
from billing.api.parameters import query
from billing.api.schemas.subscription import (
    SubscriptionBody,
    SubscriptionChangeDocument,
    SubscriptionDocument,
    SubscriptionQuery,
)

router = Router(tags=["Plans"])


@router.get(
    "",
    **declared(Scope.BILLING_READ, {200: SubscriptionDocument}),
    operation_id="subscription",
    summary="The plan of the workspace: status, period, what comes next",
)
def subscription(request: HttpRequest) -> HttpResponse:
    """How it stands now. What the plan lets it do is in the entitlements."""
    call, _ = caller(request)
    return answer(subscribing.subscription(call.workspace))


@router.post(
    "",
    **declared(
        Scope.BILLING_WRITE,
        {201: SubscriptionChangeDocument},
        problems=(409,),
        body=SubscriptionBody,
        body_limit=bodies.SINGLE_LIMIT,
        query=SubscriptionQuery,
        idempotent=True,
        while_suspended=True,
    ),
    operation_id="subscription_change",
    summary="Change the plan, or show what that would do",
)
def change(request: HttpRequest) -> HttpResponse:
    """With `preview=1` nothing happens: `confirm` with the answer's id does exactly what it says, or is refused when
    that has changed since. Beginning a plan that is paid answers with the page to pay on; the plan begins once Stripe
    confirms the payment. Changes of a running plan charge the saved card. The keys of a suspended workspace can only
    cancel. With an Idempotency-Key a repeat is the same
    change.
    """
    call, key = caller(request)
    changed, replay = subscribing.subscription_change(
        workspace=call.workspace,
        key=key,
        raw=bodies.parse(request.body),
        only_show=query(request, SubscriptionQuery).preview is not None,
        idempotency_key=idempotency_key(request),
        request=request,
    )
    return answer(changed, status=201, headers=REPLAY if replay else None)
