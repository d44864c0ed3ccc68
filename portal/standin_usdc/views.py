"""The page of a transaction: what an explorer is for a network."""

from datetime import UTC, datetime
from decimal import Decimal

import httpx
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.packs.x402.addresses import checksummed
from billing.packs.x402.rails import DECIMALS
from portal.standin_usdc.paths import TRANSFERS

PATIENCE = 5.0  # seconds


@never_cache
@require_safe
def transaction(request: HttpRequest, hash: str) -> HttpResponse:
    try:
        answer = httpx.get(f"{settings.X402_FACILITATOR_URL}{TRANSFERS}{hash}", timeout=PATIENCE, trust_env=False)
        if answer.status_code == 404:
            raise Http404
        moved = answer.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return render(request, "standin_usdc/transaction.html", {"hash": hash}, status=503)
    shown = {
        "hash": moved["hash"],
        "payer": checksummed(moved["payer"]),
        "receiver": checksummed(moved["receiver"]),
        "amount": _amount(moved["units"]),
        "block": f"{moved['block']:,}",
        "at": datetime.fromtimestamp(moved["at"], UTC),
        "nonce": moved["nonce"],
    }
    return render(request, "standin_usdc/transaction.html", {"moved": shown})


def _amount(units: int) -> str:
    """As money is written, with as many more decimals as there are."""
    whole, _, decimals = f"{Decimal(units).scaleb(-DECIMALS):,f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"
