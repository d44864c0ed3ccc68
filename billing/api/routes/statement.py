"""/api/v1/credits/statement: a month's opening, movements and closing."""

from django.http import HttpRequest, HttpResponseBase
from ninja import Router

from accounts.scopes import Scope
from billing.api import statements
from billing.api.operations import caller, declared
from billing.api.parameters import query
from billing.api.schemas.statement import StatementDocument, StatementQuery

router = Router(tags=["Credits"])


@router.get(
    "/statement",
    **declared(Scope.BILLING_READ, {200: StatementDocument}, query=StatementQuery, csv=True),
    operation_id="credits_statement",
    summary="Statement of a month: opening, in, out and closing of each source",
)
def statement(request: HttpRequest) -> HttpResponseBase:
    """What was stamped in the month counts, so late usage is on the statement of the month in which it was booked. As
    CSV (`Accept: text/csv`) every movement, usage summed per day and source.
    """
    call, _ = caller(request)
    return statements.statement(request, call.workspace, query(request, StatementQuery))
