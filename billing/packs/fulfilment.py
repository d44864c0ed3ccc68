"""From paid to credited: Stripe is asked what became of a purchase, and a short transaction does what follows.

It does not matter who gives the occasion (webhooks in any order and number, the returning customer, the clock) nor what
they say: only what Stripe answers to us counts, and each step is taken once, under the purchase's lock.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from billing.credits import clock
from billing.foundation.audit.services import record
from billing.gateway.checkout import checkout_expire
from billing.gateway.looking import SessionState, session_state
from billing.gateway.payments import Payment as Paid
from billing.invoices.issue import invoice_issue
from billing.invoices.models import Document
from billing.invoices.money import LineInput, Tax, major, money_text, tax_on
from billing.invoices.writing import Payment
from billing.ledger.models import Wallet
from billing.ledger.records import GrantResult
from billing.ledger.services import credits_grant, cut
from billing.packs import emails, hooks
from billing.packs.models import Purchase
from billing.packs.promotions import give_back, use_again
from billing.packs.shares import unit_price

log = logging.getLogger(__name__)
Status = Purchase.Status
NAMESPACE = "packs"
LOOK_AGAIN = timedelta(minutes=15)
RETRY = timedelta(minutes=1)
# So long a Checkout page that nobody pays stays open (Stripe's own limit is a day).
ABANDONED_AFTER = timedelta(hours=1)
MET = ("requires_payment_method", "canceled")  # a payment that was tried in a session that is over, and is none


def purchase_look(purchase: Purchase) -> Purchase:
    """Ask Stripe what became of it, and do what follows; what it answers of refunds and disputes is in `moneyback`.

    Not to be called within a transaction. Raises GatewayError, and then nothing has changed.
    """
    if purchase.session_id and purchase.payment_id is None:
        purchase = _settle(purchase.pk, session_state(purchase.session_id))
    elif purchase.session_id is None and purchase.status == Status.OPEN and _is_old(purchase, LOOK_AGAIN):
        # Whoever began it was interrupted before Stripe's answer was kept: nobody has seen a page to pay on.
        purchase = purchase_end(purchase.pk, Status.CANCELED)
    if purchase.status == Status.PAID:
        purchase = purchase_fulfil(purchase.pk)
    return purchase


def purchase_close(purchase: Purchase) -> Purchase:
    """Close its Checkout, so that it cannot be paid any more; what was paid before counts. Raises GatewayError."""
    if purchase.session_id is None:
        return purchase_end(purchase.pk, Status.CANCELED)
    if checkout_expire(purchase.session_id):
        return purchase_end(purchase.pk, Status.CANCELED)
    return purchase_look(purchase)


def purchase_abandon(purchase: Purchase) -> Purchase:
    """Close the Checkout of a purchase that nobody has paid for long. Raises GatewayError."""
    if purchase.status == Status.OPEN and purchase.session_id and _is_old(purchase, ABANDONED_AFTER):
        checkout_expire(purchase.session_id)
    return purchase_look(purchase)


def _is_old(purchase: Purchase, age: timedelta) -> bool:
    return purchase.created_at <= clock.now() - age


def _settle(pk: int, found: SessionState) -> Purchase:
    """Keep what Stripe said of the session."""
    with transaction.atomic():
        purchase = _locked(pk)
        if purchase.payment_id is not None:
            return purchase
        paid = found.payment if found.paid and found.payment and found.payment.paid else None
        if paid is not None:
            return _paid(purchase, paid)
        if found.status == "expired" and purchase.status == Status.OPEN:
            return _ended(purchase, Status.EXPIRED)
        if found.status == "complete" and found.payment and found.payment.status in MET:
            return _ended(purchase, Status.FAILED)
        if purchase.status == Status.OPEN:
            purchase.look_at = clock.now() + LOOK_AGAIN
        purchase.save(update_fields=["look_at"])
        return purchase


def purchase_paid(pk: int, paid: Paid) -> Purchase:
    """Keep that Stripe has the money of `paid`, which succeeded; once."""
    with transaction.atomic():
        purchase = _locked(pk)
        return purchase if purchase.payment_id is not None else _paid(purchase, paid)


def _paid(purchase: Purchase, paid: Paid) -> Purchase:
    asked = (purchase.amount, purchase.currency, purchase.public_id)
    got = (paid.received, paid.currency, paid.metadata.get("purchase", ""))
    purchase.payment_id, purchase.paid_at = paid.id, clock.now()
    if asked != got:
        return _not_as_asked(purchase, f"asked for {asked}, Stripe has {got}")
    purchase.status, purchase.look_at = Status.PAID, clock.now() + RETRY
    purchase.closed_at = None
    use_again(purchase)
    purchase.save(update_fields=["payment_id", "paid_at", "status", "look_at", "closed_at"])
    return purchase


def _not_as_asked(purchase: Purchase, problem: str) -> Purchase:
    """Money came, but not this purchase's: a person has to decide."""
    log.critical("purchase %s: %s", purchase.public_id, problem)
    purchase.status, purchase.problem = Status.FAILED, cut(problem, 500)
    purchase.closed_at, purchase.look_at = clock.now(), None
    purchase.save()
    emails.tell_operators(purchase, problem)
    return purchase


def purchase_end(pk: int, status: str, problem: str = "") -> Purchase:
    """It is over without a payment: its code can be used again. One that is over, or paid, stays as it is."""
    with transaction.atomic():
        purchase = _locked(pk)
        return _ended(purchase, status, problem)


def _ended(purchase: Purchase, status: str, problem: str = "") -> Purchase:
    if purchase.status == Status.OPEN:
        purchase.status, purchase.closed_at, purchase.look_at = status, clock.now(), None
        purchase.problem = cut(problem, 500)
        purchase.save(update_fields=["status", "closed_at", "look_at", "problem"])
        give_back(purchase)
        if status == Status.FAILED:
            for listener in hooks.purchase_failed:
                listener(purchase)
    return purchase


def purchase_fulfil(pk: int) -> Purchase:
    """Credit a paid purchase and issue its invoice, in one short transaction: wallet, purchase, document, number."""
    with transaction.atomic():
        purchase = locked_with_wallet(pk)
        if purchase.status != Status.PAID:
            return purchase
        now = clock.now()
        expires_at = now + timedelta(days=purchase.validity_days) if purchase.validity_days else None
        bought = _grant(purchase, "", purchase.credits, purchase.name, expires_at)
        bonus = _grant(purchase, "bonus", purchase.bonus_credits, f"{purchase.name}: bonus", expires_at)
        code = _grant(purchase, "promotion", purchase.promotion_credits, f"Code {purchase.promotion_code}", expires_at)
        purchase.lot_id = bought.lot_id if bought else None
        purchase.bonus_lot_id = bonus.lot_id if bonus else None
        purchase.promotion_lot_id = code.lot_id if code else None
        record(
            action="purchase.credited",
            actor="system",
            workspace=purchase.workspace,
            target=f"{purchase.name}, {money_text(purchase.amount, purchase.currency)}",
            after={"purchase": purchase.public_id, "payment": purchase.payment_id},
        )
        purchase.document = _invoice(purchase)  # last: it draws a number
        # Stripe is still to be asked about refunds and disputes that came before the credits.
        purchase.status, purchase.fulfilled_at, purchase.look_at = Status.FULFILLED, now, now + RETRY
        purchase.problem = ""
        purchase.save()
        for listener in hooks.purchase_fulfilled:
            listener(purchase)
    return purchase


def lots_of(purchase: Purchase) -> list[tuple[str, int, int]]:
    """What it brought: which part, the lot's id and its nano-credits."""
    parts = [
        ("", purchase.lot_id, purchase.credits),
        ("bonus", purchase.bonus_lot_id, purchase.bonus_credits),
        ("promotion", purchase.promotion_lot_id, purchase.promotion_credits),
    ]
    return [(part, lot_id, nano) for part, lot_id, nano in parts if lot_id is not None]


def grant_key(purchase: Purchase, part: str) -> str:
    return f"purchase:{purchase.public_id}" + (f":{part}" if part else "")


def tax_of(purchase: Purchase) -> Tax:
    """Prices of packs include the tax."""
    return Tax(purchase.tax_name, purchase.tax_percent, included=True)


def unit_price_usd(purchase: Purchase) -> Any:
    """What one of the credits that were paid for costs without tax; None in another currency."""
    if purchase.currency != "usd":
        return None
    net = purchase.amount - tax_on(purchase.amount, tax_of(purchase))
    return unit_price(major(net, "usd"), purchase.credits)


def locked_with_wallet(pk: int) -> Purchase:
    """The purchase as it is now, locked; before it the wallet of its workspace."""
    assert connection.in_atomic_block  # noqa: S101
    workspace_id = Purchase.objects.values_list("workspace_id", flat=True).get(pk=pk)
    Wallet.objects.select_for_update(no_key=True).filter(pk=workspace_id).first()
    return _locked(pk)


def _locked(pk: int) -> Purchase:
    rows = Purchase.objects.select_for_update(of=("self",), no_key=True).select_related("workspace", "document")
    return rows.get(pk=pk)


def _grant(purchase: Purchase, part: str, amount: int, label: str, expires_at: datetime | None) -> GrantResult | None:
    if not amount:
        return None
    paid_for = not part
    return credits_grant(
        workspace_id=purchase.workspace_id,
        namespace=NAMESPACE,
        key=grant_key(purchase, part),
        amount=amount,
        source="bought" if paid_for else "promotion",
        kind="grant.pack" if paid_for else "grant.promotion",
        label=label,
        expires_at=expires_at,
        unit_price_usd=unit_price_usd(purchase) if paid_for else None,
        actor=purchase.buyer_label,
        reason=f"purchase {purchase.public_id}",
    )


def _invoice(purchase: Purchase) -> Document:
    assert purchase.paid_at is not None  # noqa: S101 - a constraint says so
    detail = f"Code {purchase.promotion_code}" if purchase.promotion_code else ""
    if purchase.automatic:
        detail = purchase.top_up.reason
    lines = [
        LineInput(purchase.name, purchase.price, discount=purchase.discount, credits=purchase.credits, detail=detail)
    ]
    if purchase.bonus_credits:
        lines.append(LineInput(f"{purchase.name}: bonus", 0, credits=purchase.bonus_credits))
    if purchase.promotion_credits:
        lines.append(LineInput(f"Bonus of code {purchase.promotion_code}", 0, credits=purchase.promotion_credits))
    return invoice_issue(
        key=grant_key(purchase, ""),
        workspace=purchase.workspace,
        purpose=Document.Purpose.TOP_UP if purchase.automatic else Document.Purpose.PACK,
        lines=lines,
        tax=tax_of(purchase),
        paid=Payment(purchase.paid_at, "card", purchase.payment_id or ""),
        currency=purchase.currency,
    ).document
