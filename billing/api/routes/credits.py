"""/api/v1/credits: balance, lots, ledger, packs and buying them."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import balances, bodies, buying, cryptotopup
from billing.api.idempotency import REPLAY, idempotency_key
from billing.api.operations import answer, caller, declared
from billing.api.parameters import query
from billing.api.schemas.base import PageQuery
from billing.api.schemas.buying import CheckoutBody, CheckoutSession, Packs
from billing.api.schemas.lists import Ledger, LedgerQuery, Lots, Summary
from billing.api.schemas.topup import TopUpBody, TopUpDocument

router = Router(tags=["Credits"])


@router.get(
    "/summary",
    **declared(Scope.BILLING_READ, {200: Summary}),
    operation_id="credits_summary",
    summary="Balance, usage of today and this month, allowances, runway",
)
def summary(request: HttpRequest) -> HttpResponse:
    """Days and months are those of the workspace's time zone."""
    call, _ = caller(request)
    return answer(balances.summary(call.workspace))


@router.get(
    "/lots",
    **declared(Scope.BILLING_READ, {200: Lots}, query=PageQuery),
    operation_id="credits_lots",
    summary="Credit lots in burn order",
)
def lots(request: HttpRequest) -> HttpResponse:
    """What burns next comes first; used and expired lots come last."""
    call, _ = caller(request)
    return answer(balances.lots(call.workspace, query(request, PageQuery)))


@router.get(
    "/ledger",
    **declared(Scope.BILLING_READ, {200: Ledger}, query=LedgerQuery),
    operation_id="credits_ledger",
    summary="Ledger transfers, newest first",
)
def ledger(request: HttpRequest) -> HttpResponse:
    """Each transfer's digest covers the one before it, so history cannot be rewritten."""
    call, _ = caller(request)
    return answer(balances.ledger(call.workspace, query(request, LedgerQuery)))


@router.get(
    "/packs",
    **declared(Scope.BILLING_READ, {200: Packs}),
    operation_id="credits_packs",
    summary="Packs of credits that this workspace can buy",
)
def packs(request: HttpRequest) -> HttpResponse:
    """In the operator's order. Prices include tax."""
    call, _ = caller(request)
    return answer(buying.packs(call.workspace))


@router.post(
    "/checkout",
    **declared(
        Scope.BILLING_WRITE,
        {201: CheckoutSession},
        problems=(409,),
        body=CheckoutBody,
        body_limit=bodies.SINGLE_LIMIT,
        idempotent=True,
    ),
    operation_id="credits_checkout",
    summary="Begin to buy a pack: a page of Stripe to pay on",
)
def checkout(request: HttpRequest) -> HttpResponse:
    """Send the person's browser to `url`. The credits are added once Stripe confirms the payment, not before; until
    then they are `pending` in the summary. With an Idempotency-Key a repeat is the same purchase. Nothing is charged
    by this request.
    """
    call, key = caller(request)
    begun, replay = buying.checkout(
        workspace=call.workspace,
        key=key,
        raw=bodies.parse(request.body),
        idempotency_key=idempotency_key(request),
        request=request,
    )
    return answer(begun, status=201, headers=REPLAY if replay else None)


@router.post(
    "/topup",
    **declared(
        Scope.BILLING_WRITE,
        {200: TopUpDocument, 202: TopUpDocument},
        problems=(402, 409),
        body=TopUpBody,
        body_limit=bodies.SINGLE_LIMIT,
        headers={
            "PAYMENT-SIGNATURE": "The payment, version 2 of x402.",
            "X-PAYMENT": "The payment, version 1 of x402.",
        },
        idempotent=True,
        replays=False,
    ),
    operation_id="credits_topup",
    summary="Top up in USDC, without a browser (x402)",
)
def topup(request: HttpRequest) -> HttpResponse:
    """Without a payment it answers 402 with what to pay, for clients of both versions of x402; they sign, and repeat
    the request. Credits are added once the network shows the transfer. With an Idempotency-Key a client that lost the
    answer is told what was paid, instead of paying twice. 202: it is on its way, or looked at by a person.
    """
    call, key = caller(request)
    found = cryptotopup.top_up(
        workspace=call.workspace,
        key=key,
        raw=bodies.parse(request.body),
        idempotency_key=idempotency_key(request),
        request=request,
    )
    return answer(found.document, status=found.status, headers=found.headers)
