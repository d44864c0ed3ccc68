"""/api/v1/subscription/addons: what a workspace adds to its plan for credits every month."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import adding, bodies
from billing.api.idempotency import REPLAY, idempotency_key
from billing.api.operations import answer, caller, declared
from billing.api.parameters import query
from billing.api.schemas.addons import AddOnBody, AddOnChanged, AddOnChangeQuery, AddOnRemoveQuery, AddOns

router = Router(tags=["Plans"])


@router.get(
    "/addons",
    **declared(Scope.BILLING_READ, {200: AddOns}),
    operation_id="addons",
    summary="Add-ons on offer, and those the workspace has",
)
def listed(request: HttpRequest) -> HttpResponse:
    """Their credits are deducted when a period of the plan begins; without a plan, every month from when they began."""
    call, _ = caller(request)
    return answer(adding.listed(call.workspace))


@router.post(
    "/addons",
    **declared(
        Scope.BILLING_WRITE,
        {200: AddOnChanged},
        problems=(402, 409),
        body=AddOnBody,
        body_limit=bodies.SINGLE_LIMIT,
        query=AddOnChangeQuery,
        idempotent=True,
    ),
    operation_id="addons_set",
    summary="Add an add-on, or have more or less of it",
)
def put(request: HttpRequest) -> HttpResponse:
    """`quantity` is how many there are to be. More is there at once and deducted for the rest of the period; less
    counts from the end of what is paid; the same number takes back a change to come. When the balance does not cover
    it, nothing is deducted and nothing changes. `preview=1` only tells; its `at`, sent along, makes it exact.
    """
    call, key = caller(request)
    told, replay = adding.changed(
        workspace=call.workspace,
        key=key,
        raw=bodies.parse(request.body),
        preview=bool(query(request, AddOnChangeQuery).preview),
        idempotency_key=idempotency_key(request),
        request=request,
    )
    return answer(told, headers=REPLAY if replay else None)


@router.delete(
    "/addons",
    **declared(
        Scope.BILLING_WRITE,
        {200: AddOnChanged},
        problems=(402, 409),
        query=AddOnRemoveQuery,
        idempotent=True,
        while_suspended=True,
    ),
    operation_id="addons_remove",
    summary="Remove an add-on at the end of what is paid",
)
def remove(request: HttpRequest) -> HttpResponse:
    """What is not paid, or suspended, ends at once. Nothing is deducted, and nothing comes back."""
    call, key = caller(request)
    asked = query(request, AddOnRemoveQuery)
    told, replay = adding.removed(
        workspace=call.workspace,
        key=key,
        addon=asked.addon,
        preview=bool(asked.preview),
        idempotency_key=idempotency_key(request),
        request=request,
    )
    return answer(told, headers=REPLAY if replay else None)
