"""/api/v1/credits/proof: the whole ledger of a workspace, to be verified by its owner."""

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api.operations import caller, declared
from billing.api.schemas.proof import ProofLine
from billing.ledger.proof.export import CONTENT_TYPE, export

router = Router(tags=["Credits"])


@router.get(
    "/proof",
    **declared(Scope.BILLING_READ, {200: ProofLine}, content_type=CONTENT_TYPE),
    operation_id="credits_proof",
    summary="Proof of the balance: the whole ledger, one JSON object a line",
)
def proof(request: HttpRequest) -> StreamingHttpResponse:
    """Every entry of the ledger with its digest and the events it charged for, then what is left of each lot, and the
    balance. The script `verify_balance.py`, on the page Prove my balance, recomputes all of it. Streamed; a file
    without its last line, `sha256`, is not whole.
    """
    call, _ = caller(request)
    return StreamingHttpResponse(
        export(call.workspace),
        content_type=CONTENT_TYPE,
        headers={"Content-Disposition": 'attachment; filename="proof.jsonl"'},
    )
