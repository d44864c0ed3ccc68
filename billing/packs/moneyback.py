"""Refunds and disputes: what Stripe says went back, taken out of the purchase's own lots, in their shares.

The part of a lot that belongs to the money that is away, of all refunds and disputes together, is taken out of it; what
of that is spent already becomes debt. When the money comes back (a won dispute, a refund that failed) exactly what was
taken is given back. Credit notes are issued when money is gone for good.
"""

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.gateway.errors import GatewayError, Unavailable
from billing.gateway.errors import Refused as StripeRefused
from billing.gateway.looking import Dispute, disputes_of
from billing.gateway.payments import Refund, refund_create, refunds_of
from billing.gateway.waiting import waiting
from billing.invoices.money import money_text
from billing.ledger.selectors import refundable
from billing.ledger.services import cut
from billing.packs import emails
from billing.packs.autotopup.disputes import payment_was_disputed
from billing.packs.clawback import give_back, take, take_what_is_missing
from billing.packs.creditnotes import credit, invoice_again
from billing.packs.errors import NotRefundable, RefundWaits
from billing.packs.fulfilment import RETRY, locked_with_wallet
from billing.packs.models import MoneyBack, PaymentPolicy, Purchase
from billing.packs.selectors import forget_suspended, policy
from billing.packs.shares import money_of

Kind = MoneyBack.Kind
Status = MoneyBack.Status
AWAY = (Status.ASKED, Status.OPEN, Status.GONE)
REFUNDED = {"pending": Status.OPEN, "requires_action": Status.OPEN, "succeeded": Status.GONE}
TRIES = 5  # to take in an answer before another one was


def refundable_money(purchase: Purchase) -> int:
    """Minor units that neither went back nor may be on their way."""
    away = sum(back.amount for back in purchase.money_back.filter(status__in=AWAY))
    return max(purchase.amount - away, 0) if purchase.status == Purchase.Status.FULFILLED else 0


def unspent_money(purchase: Purchase) -> int:
    """Minor units that the credits are worth which were bought in it and not used."""
    found = refundable(purchase.workspace_id, purchase.lot_id) if purchase.lot_id else None
    if found is None:
        return 0
    return min(money_of(purchase.amount, found.unspent, purchase.credits), refundable_money(purchase))


def refund_ask(
    *, purchase: Purchase, amount: int, reason: str, key: str, actor: User, request: HttpRequest | None = None
) -> MoneyBack:
    """Refund `amount` minor units through Stripe, once per `key`. The row is written first; Stripe is asked outside any
    transaction, and asked again by the clock until it answers.

    Raises NotRefundable, RefundWaits (it is being repeated), Refused with what Stripe does not accept.
    """
    if purchase.livemode != settings.STRIPE_LIVE_MODE:
        raise NotRefundable("This was paid in Stripe's other mode (test or live), with its key.")
    with transaction.atomic():
        found = locked_with_wallet(purchase.pk)
        back = MoneyBack.objects.filter(key=key).first()
        if back is None:
            left = refundable_money(found)
            if not 0 < amount <= left:
                most = money_text(left, found.currency)
                raise NotRefundable(f"Enter an amount above zero, and at most {most}.", field="amount")
            back = MoneyBack.objects.create(
                purchase=found,
                kind=Kind.REFUND,
                key=key,
                amount=amount,
                status=Status.ASKED,
                reason=cut(reason, 500),
                actor=actor.email,
            )
            Purchase.objects.filter(pk=found.pk).update(look_at=clock.now() + RETRY)
            record(
                action="purchase.refund_asked",
                actor=actor,
                workspace=found.workspace,
                target=f"{money_text(amount, found.currency)} of {found}",
                reason=reason,
                request=request,
            )
        elif (back.purchase_id, back.amount) != (found.pk, amount):
            raise NotRefundable("This form was sent before with other values. Open it again.")
    try:
        with waiting():
            money_back_look(found)
    except StripeRefused as error:
        raise Refused(f"Nothing was refunded: {error}") from error
    except GatewayError as error:
        raise RefundWaits from error
    back.refresh_from_db()
    if back.status == Status.REFUSED:
        raise Refused(f"Nothing was refunded: Stripe says “{back.reason}”")
    return back


def money_back_look(purchase: Purchase) -> None:
    """Take in what Stripe knows, and send what is asked for. Not to be called within a transaction. Raises
    GatewayError.
    """
    if purchase.status != Purchase.Status.FULFILLED or not purchase.payment_id:
        return
    # What Stripe has comes first: a refund whose answer got lost is among it, and Stripe forgets our keys after a day.
    for _ in range(TRIES):
        seen = Purchase.objects.values_list("answers", flat=True).get(pk=purchase.pk)
        if _take_in_all(purchase.pk, seen, refunds_of(purchase.payment_id), disputes_of(purchase.payment_id)):
            break
    else:
        raise Unavailable("others take in what Stripe says of this payment all the time")
    for back in purchase.money_back.filter(status=Status.ASKED, stripe_id=None):
        _send(purchase, back)


def _take_in_all(pk: int, seen: int, refunds: Sequence[Refund], disputes: Sequence[Dispute]) -> bool:
    """False, and nothing is done, when another answer was taken in since Stripe was asked: it may be the newer one."""
    with transaction.atomic():
        purchase = locked_with_wallet(pk)
        if purchase.answers != seen:
            return False
        changed = [_refund_in(purchase, refund) for refund in reversed(refunds)]
        changed += [_dispute_in(purchase, dispute) for dispute in reversed(disputes)]
        if any(changed):
            Purchase.objects.filter(pk=pk).update(answers=F("answers") + 1)
    forget_suspended()
    return True


def _send(purchase: Purchase, back: MoneyBack) -> None:
    metadata = {"purchase": purchase.public_id, "money_back": back.public_id}
    try:
        made = refund_create(
            payment=purchase.payment_id or "", amount=back.amount, key=back.public_id, metadata=metadata
        )
    except StripeRefused as error:
        MoneyBack.objects.filter(pk=back.pk, status=Status.ASKED, stripe_id=None).update(
            status=Status.REFUSED, reason=cut(str(error), 500), updated_at=clock.now()
        )
        return
    with transaction.atomic():
        found = locked_with_wallet(purchase.pk)
        if MoneyBack.objects.filter(stripe_id=made.id).exists():
            return  # it was taken in meanwhile, perhaps with later news than this
        _refund_in(found, made)
        Purchase.objects.filter(pk=found.pk).update(answers=F("answers") + 1)


def _refund_in(purchase: Purchase, refund: Refund) -> bool:
    back = _row(purchase, Kind.REFUND, refund.id, refund.amount, refund.metadata.get("money_back", ""))
    wanted = REFUNDED.get(refund.status, Status.BACK)
    return _take_in(purchase, back, wanted, credits_out=wanted in (Status.OPEN, Status.GONE))


def _dispute_in(purchase: Purchase, dispute: Dispute) -> bool:
    known = MoneyBack.objects.filter(stripe_id=dispute.id).first()
    if not (dispute.open or dispute.lost) and known is None:
        return False  # an inquiry that moved no money, or one that was won before we heard of it
    back = known or _row(purchase, Kind.DISPUTE, dispute.id, dispute.amount, "", dispute.reason)
    was_out, other_amount = back.credits_are_out, back.amount != dispute.amount and back.document_id is None
    if other_amount:
        if was_out:
            give_back(purchase, back)
        back.amount = dispute.amount
        back.save()
    wanted = Status.OPEN if dispute.open else Status.GONE if dispute.lost else Status.BACK
    holds = policy().on_dispute != PaymentPolicy.Dispute.NOTHING
    # What was taken when it was opened stays out until it is decided, whatever the policy is by then.
    out = dispute.lost or (dispute.open and (holds or was_out))
    changed = _take_in(purchase, back, wanted, credits_out=out)
    if known is None:
        stopped = payment_was_disputed(
            workspace=purchase.workspace,
            amount=back.amount,
            currency=purchase.currency,
            what=purchase.name,
            dispute=dispute.id,
        )
        if dispute.open:
            emails.tell_dispute(back, top_ups_off=stopped)
    return changed or other_amount


def _row(purchase: Purchase, kind: str, stripe_id: str, amount: int, public_id: str, reason: str = "") -> MoneyBack:
    """Ours, if we asked for it; else a new one: somebody did it at Stripe."""
    rows = MoneyBack.objects.select_for_update().filter(purchase=purchase)
    back = rows.filter(stripe_id=stripe_id).first()
    if back is None and public_id:
        back = rows.filter(public_id=public_id, stripe_id=None).first()
    if back is not None:
        back.stripe_id = stripe_id
        return back
    return MoneyBack(
        purchase=purchase,
        kind=kind,
        stripe_id=stripe_id,
        amount=amount,
        status=Status.OPEN,
        reason=reason or "refunded at Stripe",
        actor="Stripe",
    )


def _take_in(purchase: Purchase, back: MoneyBack, status: str, *, credits_out: bool) -> bool:
    """Bring credits and documents into the state that `status` asks for; whether anything changed. Locks are the
    caller's.
    """
    before = "" if back.pk is None else back.status
    if before == status and back.credits_are_out == credits_out:
        return False
    back.status, back.updated_at = status, clock.now()
    back.save()
    if credits_out and not back.credits_are_out:
        take(purchase, back)
    elif not credits_out and back.credits_are_out:
        give_back(purchase, back)
    back.save()
    if not credits_out:
        take_what_is_missing(purchase, back)
    if status == Status.GONE != before:
        credit(purchase, back)
    elif before == Status.GONE != status:
        invoice_again(purchase, back)
    back.save()
    record(
        action=f"purchase.{back.kind}_{status}",
        actor=back.actor or "Stripe",
        workspace=purchase.workspace,
        target=f"{money_text(back.amount, purchase.currency)} of {purchase}",
        after={"stripe": back.stripe_id, "credits": str(back.taken_credits), "out": back.credits_are_out},
        reason=back.reason,
    )
    return True
