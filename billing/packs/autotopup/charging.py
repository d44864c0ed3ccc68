"""Asking Stripe for an automatic charge, and what follows. Stripe is asked under the key of the purchase, outside any
transaction: after a crash or a lost answer the same question finds, or makes, the same payment.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models import Q

from billing.credits import clock
from billing.gateway.checkout import checkout_expire
from billing.gateway.errors import AuthenticationNeeded, CardRefused
from billing.gateway.errors import Refused as StripeRefused
from billing.gateway.looking import payment_named, session_state
from billing.gateway.payments import Payment, charge_off_session
from billing.ledger.services import cut
from billing.packs.autotopup import notices
from billing.packs.autotopup.models import AutoTopUp, TopUp
from billing.packs.autotopup.settings import locked, switch_off
from billing.packs.autotopup.standing import level
from billing.packs.fulfilment import purchase_end, purchase_fulfil, purchase_look, purchase_paid
from billing.packs.models import Purchase

log = logging.getLogger(__name__)
Status = Purchase.Status
Outcome = TopUp.Outcome
BACK_OFF = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))  # after the first, second, third decline
ANSWER_BY = timedelta(minutes=2)  # then the purchase is looked at
CONFIRM_BY = timedelta(hours=24)
KEY_COUNTS = timedelta(hours=23)  # Stripe forgets a key after a day: asked again then, it would charge again
NOT_WANTED_FOR = timedelta(minutes=10)  # a charge that was on its way has arrived, or never will
CLOCK_SKEW = timedelta(minutes=5)


def top_up_charge(top_up: TopUp) -> Purchase:
    """Ask for the charge, or ask again. Raises Unavailable or NotConnected: it is asked for again by the clock."""
    purchase = top_up.purchase
    TopUp.objects.filter(pk=top_up.pk, sent_at=None).update(sent_at=clock.now())
    try:
        payment = charge_off_session(
            workspace=purchase.workspace,
            amount=purchase.amount,
            currency=purchase.currency,
            method=top_up.method,
            description=f"{purchase.name}: {top_up.reason}",
            metadata={"purchase": purchase.public_id, "workspace": purchase.workspace.public_id},
            key=purchase.public_id,
        )
    except AuthenticationNeeded as error:
        _confirmation(top_up, error)
    except CardRefused as error:
        _declined(top_up, error)
    except StripeRefused as error:
        _refused(top_up, error)
    else:
        _answered(purchase, payment)
    purchase.refresh_from_db()
    return purchase


def top_up_look(purchase: Purchase) -> Purchase:
    """What has become of it, and what follows; the occasion is a webhook, or the clock. Raises GatewayError."""
    top_up = TopUp.objects.select_related("purchase__workspace").get(pk=purchase.pk)
    if purchase.payment_id is None:
        if purchase.session_id is not None:
            purchase = _look_at_page(top_up)
        elif (found := _payment(purchase)) is not None and (found.paid or found.status == "processing"):
            _answered(purchase, found)  # one that the bank takes its time for stays in flight, however long
        elif purchase.status == Status.OPEN:
            _still_open(top_up)
        purchase.refresh_from_db()
    if purchase.status == Status.PAID:
        purchase = purchase_fulfil(purchase.pk)
    if purchase.status == Status.FULFILLED:
        _succeeded(top_up)
    return purchase


def _payment(purchase: Purchase) -> Payment | None:
    since = purchase.created_at - CLOCK_SKEW
    return payment_named(purchase.workspace, "purchase", purchase.public_id, since)


def _look_at_page(top_up: TopUp) -> Purchase:
    """The cardholder was led to a page to pay on, which stays open no longer than it is told."""
    purchase = top_up.purchase
    late = purchase.status == Status.OPEN and _older(purchase, CONFIRM_BY)
    if late and session_state(str(purchase.session_id)).status == "open":
        checkout_expire(str(purchase.session_id))
    return purchase_look(purchase)


def _still_open(top_up: TopUp) -> None:
    """Stripe has no payment of it."""
    purchase = top_up.purchase
    if top_up.outcome == Outcome.CONFIRMATION:
        if _older(purchase, CONFIRM_BY):
            purchase_end(purchase.pk, Status.EXPIRED)
        else:
            Purchase.objects.filter(pk=purchase.pk).update(look_at=purchase.created_at + CONFIRM_BY)
        return
    wanted = _wanted(top_up)
    if _older(purchase, KEY_COUNTS) or (not wanted and _older(purchase, NOT_WANTED_FOR)):
        with _open(top_up) as row:
            if row is not None:
                why = "Stripe did not answer" if wanted else "Not wanted any more before Stripe had answered"
                _decide(top_up, Outcome.UNANSWERED)
                purchase_end(purchase.pk, Status.CANCELED, problem=why)
    elif wanted:
        top_up_charge(top_up)


def _wanted(top_up: TopUp) -> bool:
    """Whether it is still on as agreed to, and still needed: nobody is charged later for a gap that is closed."""
    workspace_id = top_up.purchase.workspace_id
    on = AutoTopUp.objects.filter(pk=workspace_id, enabled=True, consent=top_up.consent_id).exists()
    return on and level(workspace_id, clock.now()) < top_up.threshold


def _older(purchase: Purchase, age: timedelta) -> bool:
    return purchase.created_at <= clock.now() - age


def _answered(purchase: Purchase, payment: Payment) -> None:
    if not payment.paid:  # a bank that takes its time: the purchase is looked at again
        log.warning("payment %s for %s is %s", payment.id, purchase.public_id, payment.status)
        return
    purchase_paid(purchase.pk, payment)
    if purchase_fulfil(purchase.pk).status == Status.FULFILLED:
        _succeeded(TopUp.objects.select_related("purchase__workspace").get(pk=purchase.pk))


@contextmanager
def _open(top_up: TopUp) -> Iterator[AutoTopUp | None]:
    """The locked settings, while what came of the charge is not written down yet; else None."""
    with locked(top_up.purchase.workspace) as row:
        undecided = TopUp.objects.filter(pk=top_up.pk, outcome=Outcome.WAITING, purchase__status=Status.OPEN).exists()
        yield row if undecided else None


def _decide(top_up: TopUp, outcome: str, error: CardRefused | StripeRefused | None = None) -> None:
    told = error.message if isinstance(error, CardRefused) else str(error or "")
    code = (getattr(error, "decline_code", "") or error.code) if error else ""
    top_up.outcome, top_up.decided_at = outcome, clock.now()
    top_up.code, top_up.message = cut(code, 100), cut(told, 300)
    top_up.save(update_fields=["outcome", "decided_at", "code", "message"])


def _declined(top_up: TopUp, error: CardRefused) -> None:
    """Try again later, and after the last time never again."""
    purchase = top_up.purchase
    with _open(top_up) as row:
        if row is None:
            return
        _decide(top_up, Outcome.DECLINED, error)
        purchase_end(purchase.pk, Status.FAILED, problem=top_up.message or "declined")
        if row.consent_id != top_up.consent_id:
            return  # a person has agreed anew since
        _back_off(row, top_up, f"The {top_up.consent.card} was declined {row.declines + 1} times in a row.")


def _back_off(row: AutoTopUp, top_up: TopUp, last: str) -> None:
    """Wait for the next attempt, or switch it off for the reason `last`."""
    row.declines += 1
    if row.declines > len(BACK_OFF):
        switch_off(row, last)
        notices.tell_off(row, top_up.purchase)
        return
    row.waits_for, row.not_before = AutoTopUp.Wait.BACK_OFF, clock.now() + BACK_OFF[row.declines - 1]
    notices.tell_declined(top_up, row.not_before if row.enabled else None)


def _confirmation(top_up: TopUp, error: CardRefused) -> None:
    """Only the cardholder can pay it, on a page of Stripe; so long nothing else is charged."""
    with _open(top_up) as row:
        if row is None:
            return
        _decide(top_up, Outcome.CONFIRMATION, error)
        until = top_up.purchase.created_at + CONFIRM_BY
        Purchase.objects.filter(pk=top_up.pk).update(look_at=until)
        if row.consent_id == top_up.consent_id:
            row.waits_for, row.not_before = AutoTopUp.Wait.CONFIRMATION, until
        notices.tell_confirmation(top_up, until)


def _refused(top_up: TopUp, error: StripeRefused) -> None:
    """No bank was asked. Where the card is not there any more, trying again changes nothing. Else it is between Stripe
    and the operator: one restricted account must not end the agreements of all customers at once.
    """
    purchase = top_up.purchase
    with _open(top_up) as row:
        if row is None:
            return
        log.error("top-up %s was refused by Stripe: %s", purchase.public_id, error)
        _decide(top_up, Outcome.REFUSED, error)
        purchase_end(purchase.pk, Status.FAILED, problem=str(error))
        if row.consent_id != top_up.consent_id:
            return
        if _card_is_gone(error):
            switch_off(row, f"The {top_up.consent.card} cannot be charged any more: Stripe does not accept it.")
            notices.tell_off(row, purchase)
            return
        notices.tell_refused(top_up, str(error), error.code)
        _back_off(row, top_up, f"Stripe did not accept {row.declines + 1} charges in a row.")


def _card_is_gone(error: StripeRefused) -> bool:
    missing = error.code in ("resource_missing", "no_customer") or error.code.startswith("payment_method")
    return missing or error.param.startswith(("payment_method", "customer"))


def _succeeded(top_up: TopUp) -> None:
    """Once it is credited: whatever waited is over."""
    with locked(top_up.purchase.workspace) as row:
        undone = TopUp.objects.filter(~Q(outcome=Outcome.SUCCEEDED), pk=top_up.pk)
        if not undone.update(outcome=Outcome.SUCCEEDED, decided_at=clock.now()):
            return
        row.declines, row.not_before, row.waits_for = 0, None, ""
        notices.tell_succeeded(top_up)
