"""Prove my balance: the whole ledger as a file, and the script that recomputes it."""

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.roles import Permission
from billing.ledger.proof.export import CONTENT_TYPE, SCRIPT, export
from billing.ledger.selectors import balance
from billing.overview.page import page


@page
def proof(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    now = balance(request.workspace.pk)
    return render(request, "overview/proof.html", {"nav": "credits", "balance": now})


@require_safe
@workspace_page(Permission.VIEW)
def proof_file(request: WorkspaceRequest, workspace_id: str) -> HttpResponseBase:
    return StreamingHttpResponse(
        export(request.workspace),
        content_type=CONTENT_TYPE,
        headers={"Content-Disposition": 'attachment; filename="proof.jsonl"'},
    )


@require_safe
@workspace_page(Permission.VIEW)
def script(request: WorkspaceRequest, workspace_id: str) -> HttpResponseBase:
    return HttpResponse(
        SCRIPT.read_bytes(),
        content_type="text/x-python; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="verify_balance.py"'},
    )
