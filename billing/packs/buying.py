"""Beginning a purchase: its row first, then Stripe, outside any transaction and under the row's own key.

Whatever breaks in between, the same request again goes on where it stopped: one purchase, one Checkout session.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.format import credits_text
from billing.foundation.audit.services import record
from billing.foundation.site.selectors import site
from billing.gateway.checkout import Back, Line, Session, checkout_expire, checkout_payment
from billing.gateway.errors import GatewayError, NotConnected, Unavailable
from billing.gateway.errors import Refused as StripeRefused
from billing.gateway.looking import connected
from billing.gateway.waiting import waiting
from billing.invoices.money import money_text
from billing.invoices.profiles import recipients
from billing.invoices.seller import seller
from billing.ledger.services import request_hash
from billing.packs.errors import (
    CodeRefused,
    NoSuchPack,
    NotLeft,
    PaymentRefused,
    PaymentsDown,
    PaymentsOff,
    PurchaseConflict,
)
from billing.packs.fulfilment import purchase_close, purchase_end
from billing.packs.models import Pack, Promotion, Purchase
from billing.packs.promotions import promotion_find, redeem, terms, tidy
from billing.packs.selectors import in_flight, pack_for

log = logging.getLogger(__name__)
Status = Purchase.Status
FIRST_LOOK = timedelta(minutes=15)


def purchase_begin(
    *,
    workspace: Workspace,
    pack_key: str,
    key: str,
    back: Callable[[Purchase], Back],
    code: str = "",
    buyer: User | None = None,
    buyer_label: str = "",
    request: HttpRequest | None = None,
) -> tuple[Purchase, bool]:
    """The purchase under `key` with its Checkout session, and whether it was begun before.

    Not to be called within a transaction: it waits for the network. Raises NoSuchPack, CodeRefused, PurchaseConflict,
    and, with nothing charged, PaymentsOff, PaymentsDown (ask again with the same key), PaymentRefused.
    """
    if not connected():
        raise PaymentsOff
    hashed = request_hash({"pack": pack_key, "code": tidy(code)})
    purchase = _known(workspace, key, hashed)
    if purchase is None:
        label = buyer.email if buyer else buyer_label
        purchase = _write(workspace, pack_key, tidy(code), key, hashed, buyer, label, request)
        began_before = False
    else:
        began_before = True
    if (
        purchase.session_id is None
        and purchase.status == Status.OPEN
        and purchase.livemode == settings.STRIPE_LIVE_MODE
    ):
        purchase = checkout_open(purchase, back(purchase))
    return purchase, began_before


def _known(workspace: Workspace, key: str, hashed: bytes) -> Purchase | None:
    purchase = Purchase.objects.select_related("workspace", "pack").filter(workspace=workspace, key=key).first()
    if purchase is not None and bytes(purchase.request_hash) != hashed:
        raise PurchaseConflict("This was sent before for another purchase. Nothing was done.")
    return purchase


def _write(
    workspace: Workspace,
    pack_key: str,
    code: str,
    key: str,
    hashed: bytes,
    buyer: User | None,
    label: str,
    request: HttpRequest | None,
) -> Purchase:
    pack = pack_for(workspace, pack_key)
    if pack is None:
        raise NoSuchPack("There is no such pack.", field="pack")
    if code:
        _free_code(workspace, code, key)
    try:
        promotion = promotion_find(code=code, pack=pack, workspace=workspace) if code else None
        with transaction.atomic():
            purchase = Purchase.objects.create(
                **_promised(workspace, pack, promotion),
                key=key,
                request_hash=hashed,
                buyer=buyer,
                buyer_label=label[:200],
            )
            if promotion is not None:
                redeem(promotion=promotion, purchase=purchase, pack=pack)
            record(
                action="purchase.begun",
                actor=buyer or label,
                workspace=workspace,
                target=f"{pack.name}, {money_text(purchase.amount, purchase.currency)}",
                after={"purchase": purchase.public_id, "code": code, "version": pack.version},
                request=request,
            )
    except (IntegrityError, CodeRefused):  # the same request, sent twice: the other one was faster, and has the code
        if (other := _known(workspace, key, hashed)) is None:
            raise
        return other
    return purchase


def _promised(workspace: Workspace, pack: Pack, promotion: Promotion | None) -> dict[str, object]:
    """All that is promised now, whatever becomes of the pack."""
    now, agreed, parts = clock.now(), terms(pack, promotion), seller()
    return {
        "workspace": workspace,
        "pack": pack,
        "pack_version": pack.version,
        "name": pack.name,
        "credits": pack.credits,
        "bonus_credits": pack.bonus_credits,
        "validity_days": pack.validity_days,
        "promotion": promotion,
        "promotion_code": promotion.code if promotion else "",
        "promotion_credits": agreed.promotion_credits,
        "currency": pack.currency,
        "price": agreed.price,
        "discount": agreed.discount,
        "amount": agreed.amount,
        "tax_name": parts.tax_name if parts.tax_percent else "",
        "tax_percent": parts.tax_percent,
        "livemode": settings.STRIPE_LIVE_MODE,
        "created_at": now,
        "look_at": now + FIRST_LOOK,
    }


def checkout_open(purchase: Purchase, back: Back) -> Purchase:
    """Have Stripe make the page to pay it on, once. Raises PaymentsDown (again with the same purchase), PaymentsOff,
    PaymentRefused.
    """
    try:
        with waiting():
            session = _ask(purchase, back)
    except Unavailable as error:
        raise PaymentsDown from error
    except NotConnected as error:
        purchase_end(purchase.pk, Status.CANCELED)
        raise PaymentsOff from error
    except StripeRefused as error:
        purchase_end(purchase.pk, Status.FAILED, problem=str(error))
        raise PaymentRefused from error
    ours = Q(session_id=None) | Q(session_id=session.id)
    Purchase.objects.filter(ours, pk=purchase.pk, status=Status.OPEN).update(
        session_id=session.id, session_url=session.url, customer_id=session.customer
    )
    purchase.refresh_from_db()
    if purchase.session_id != session.id:
        _close_unseen(session)
    return purchase


def _close_unseen(session: Session) -> None:
    """The purchase was given up while Stripe made its page, and its code may be somebody else's by now."""
    try:
        with waiting():
            checkout_expire(session.id)
    except GatewayError as error:  # it closes by itself within a day; nobody was told its address
        log.warning("the unused session %s could not be closed: %s", session.id, error)


def _ask(purchase: Purchase, back: Back) -> Session:
    name = f"{purchase.name}: {credits_text(purchase.total_credits)} {site().credit_name_plural}"
    readers = recipients(purchase.workspace)
    return checkout_payment(
        workspace=purchase.workspace,
        lines=[Line(name, purchase.amount)],
        currency=purchase.currency,
        back=back,
        key=purchase.public_id,
        metadata={"purchase": purchase.public_id, "workspace": purchase.workspace.public_id},
        email=readers[0] if readers else "",
    )


def purchase_leave(*, purchase: Purchase, actor: User | str, request: HttpRequest | None = None) -> Purchase:
    """The customer gives it up: its Checkout is closed, so nothing can be paid any more, and its code is free again.
    What was paid meanwhile counts. Raises PaymentsOff, NotLeft.
    """
    if purchase.status != Status.OPEN or (purchase.automatic and purchase.session_id is None):
        return purchase  # of an automatic one, the charge may be on its way
    try:
        with waiting():
            found = purchase_close(purchase)
    except NotConnected as error:
        raise PaymentsOff from error
    except GatewayError as error:
        raise NotLeft from error
    if found.status == Status.CANCELED:
        record(
            action="purchase.given_up",
            actor=actor,
            workspace=purchase.workspace,
            target=purchase.name,
            after={"purchase": purchase.public_id},
            request=request,
        )
    return found


def _free_code(workspace: Workspace, code: str, key: str) -> None:
    """Of an own purchase that was begun with this code and left: it makes way for the new one, unless it is the same
    (`key`). What Stripe cannot close stays, and keeps the code.
    """
    others = in_flight(workspace.pk).filter(status=Status.OPEN, promotion_code=code).exclude(key=key)
    for left in others.select_related("workspace"):
        try:
            with waiting():
                purchase_close(left)
        except GatewayError:
            return
