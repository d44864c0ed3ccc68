"""/api/v1/credits: balance, lots, ledger."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api import balances
from billing.api.operations import answer, caller, declared
from billing.api.parameters import query
from billing.api.schemas.base import PageQuery
from billing.api.schemas.lists import Ledger, LedgerQuery, Lots, Summary

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
