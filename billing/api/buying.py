"""Answers about packs and buying them."""

import secrets
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.models import ApiKey, Workspace
from billing.api import documents
from billing.api.present import amount
from billing.api.problems import Problem, invalid
from billing.api.schemas.buying import CheckoutBody
from billing.packs.buying import purchase_begin
from billing.packs.errors import (
    CodeRefused,
    NoSuchPack,
    PaymentRefused,
    PaymentsDown,
    PaymentsOff,
    PurchaseConflict,
)
from billing.packs.models import Purchase
from billing.packs.selectors import Offer, offers_for
from billing.packs.views import back_to


def packs(workspace: Workspace) -> dict[str, Any]:
    return {"data": [_pack(offer) for offer in offers_for(workspace)]}


def checkout(
    *, workspace: Workspace, key: ApiKey, raw: object, idempotency_key: str, request: HttpRequest
) -> tuple[dict[str, Any], bool]:
    """The session, and whether it was begun before. Raises Problem 400, 404, 409 or 503."""
    body = documents.read(raw, CheckoutBody)
    try:
        purchase, replay = purchase_begin(
            workspace=workspace,
            pack_key=body.pack_id,
            code=body.promotion_code or "",
            key=f"api:{key.kind}:{idempotency_key or secrets.token_urlsafe(18)}",
            back=partial(back_to, _absolute),
            buyer_label=f"{key.kind} key {key.prefix}…",
            request=request,
        )
    except NoSuchPack as error:
        raise Problem("not_found", error.message) from error
    except CodeRefused as error:
        raise invalid(error.message, pointer="/promotionCode") from error
    except PurchaseConflict as error:
        raise Problem("idempotency_conflict", error.message) from error
    except PaymentRefused as error:
        raise invalid(error.message, pointer="/packId") from error
    except (PaymentsDown, PaymentsOff) as error:
        raise Problem("unavailable", error.message) from error
    if purchase.session_id is None or purchase.status == Purchase.Status.FAILED:
        raise Problem("unavailable", "This purchase could not be begun. Nothing was charged. Use another key.")
    return {"id": purchase.session_id, "url": purchase.session_url}, replay


def _absolute(path: str) -> str:
    return settings.SITE_URL + path


def _pack(offer: Offer) -> dict[str, Any]:
    pack = offer.pack
    return {
        "id": pack.key,
        "name": pack.name,
        "description": pack.description,
        **amount("credits", offer.credits),
        **amount("bonus_credits", pack.bonus_credits),
        "price": {"amount": pack.price, "currency": pack.currency},
        "price_per_credit": offer.unit_price,
        "validity_days": pack.validity_days,
    }
