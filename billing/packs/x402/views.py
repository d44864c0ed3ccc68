"""The page for agents that top up in USDC: the command, and what was paid."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.roles import Permission
from billing.metering.selectors.days import zone
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.rails import rails

SHOWN = 50
COMMAND = """\
pip install "x402[evm,requests]"

import os, uuid
from eth_account import Account
from x402 import x402ClientSync
from x402.http.clients.requests import x402_requests
from x402.mechanisms.evm.exact.register import register_exact_evm_client

client = x402ClientSync()
register_exact_evm_client(client, Account.from_key(os.environ["WALLET_KEY"]))
client.set_spend_controls({{"max_amount_per_payment": "$50"}})  # unless told so it pays $1 at most
answer = x402_requests(client).post(
    "{url}",
    json={{"amount_usd": 5}},
    headers={{"Authorization": f"Bearer {{os.environ['PURSER_KEY']}}", "Idempotency-Key": str(uuid.uuid4())}},
)
print(answer.status_code, answer.json())"""


@never_cache
@require_safe
@workspace_page(Permission.MANAGE_BILLING)
def listed(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """How an agent pays, and the latest payments, with those that are on their way."""
    rows = CryptoPayment.objects.filter(workspace=request.workspace).select_related("document")
    found = list(rows[: SHOWN + 1])
    context = {
        "nav": "credits",
        "rails": rails(),
        "command": COMMAND.format(url=request.build_absolute_uri("/api/v1/credits/topup")),
        "payments": found[:SHOWN],
        "more": len(found) > SHOWN,
        "most": SHOWN,
    }
    with timezone.override(zone(request.workspace.time_zone)):
        return render(request, "packs/usdc.html", context)
