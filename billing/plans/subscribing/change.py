"""Doing what was shown. The row first, then Stripe, outside any transaction and under the row's own key; what Stripe
then answers is applied like news from it. Whatever breaks in between, it goes on where it stopped: one change.
"""

from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.gateway.checkout import Back, checkout_expire, checkout_subscription
from billing.gateway.subscription_changes import (
    subscription_cancel,
    subscription_change,
    subscription_change_forget,
    subscription_change_later,
    subscription_preview,
    subscription_resume,
)
from billing.gateway.subscriptions import SubscriptionState, subscription, subscription_of_session
from billing.invoices.profiles import recipients
from billing.ledger.services import cut
from billing.plans.models import Subscription, SubscriptionChange
from billing.plans.selectors import current_subscription
from billing.plans.subscribing.asking import in_words, price_at_stripe
from billing.plans.subscribing.errors import ChangeBusy, ChangeGone, ChangeRefused, ChangeStale
from billing.plans.subscribing.following import subscription_follow
from billing.plans.subscribing.outcome import wanted
from billing.plans.subscribing.preview import charged_now, fingerprint

Kind = SubscriptionChange.Kind
Status = SubscriptionChange.Status
VALID = timedelta(minutes=30)  # a preview that nobody confirmed
SOON, LATER = timedelta(minutes=1), timedelta(minutes=15)
NOT_PAID = "The card was not charged: your bank declined it, or wants you to confirm the payment."
BackOf = Callable[[SubscriptionChange], Back]


def change_confirm(
    *,
    change: SubscriptionChange,
    back: BackOf,
    actor: User | str = "system",
    request: HttpRequest | None = None,
) -> SubscriptionChange:
    """Do what was shown; confirming again changes nothing more. A start leads to `session_url`, where it is paid.

    Not to be called within a transaction: it waits for the network. Raises ChangeStale, ChangeGone, ChangeBusy,
    PaymentsOff, PaymentsDown (it is done as soon as Stripe answers; the same again is harmless), ChangeRefused.
    """
    if change.status == Status.SHOWN:
        _check_age(change)
        _check_money(change)
        _make_way(change)
        change = _ask(change, actor, request)
    if change.status in (Status.FAILED, Status.LAPSED):
        raise ChangeGone
    return change_do(change, back) if change.status == Status.ASKED else change


def _check_age(change: SubscriptionChange) -> None:
    if change.created_at <= clock.now() - VALID or _is_stale(change, current_subscription(change.workspace_id)):
        _lapse(change)
        raise ChangeStale


def _is_stale(change: SubscriptionChange, row: Subscription | None) -> bool:
    # Another interval begins when the paid time is over, whatever was shown before that became the rule.
    anew = change.kind == Kind.UPGRADE and row is not None and change.interval != row.interval
    return anew or bool(change.shown["of"] != fingerprint(row))


def _lapse(change: SubscriptionChange) -> None:
    SubscriptionChange.objects.filter(pk=change.pk, status=Status.SHOWN).update(status=Status.LAPSED)


def _check_money(change: SubscriptionChange) -> None:
    """Stripe would charge what was shown: balance and discounts may have changed meanwhile."""
    if change.kind != Kind.UPGRADE or change.subscription is None:
        return
    price = price_at_stripe(wanted(change))
    with in_words():
        found = subscription_preview(str(change.subscription.stripe_id), price, change.at)
    if charged_now(found) != change.amount_due:
        _lapse(change)
        raise ChangeStale


def _make_way(change: SubscriptionChange) -> None:
    """A start that was left on its Checkout page gives way to a newer wish; what was paid meanwhile counts."""
    others = SubscriptionChange.objects.filter(workspace=change.workspace_id, status=Status.ASKED, kind=Kind.START)
    for other in others.exclude(pk=change.pk):
        change_leave(other)


def _ask(change: SubscriptionChange, actor: User | str, request: HttpRequest | None) -> SubscriptionChange:
    """From here on it is being done. Raises ChangeStale, ChangeBusy."""
    try:
        with transaction.atomic():
            rows = Subscription.objects.select_for_update(of=("self",), no_key=True)
            row = rows.filter(workspace=change.workspace_id, ended_at=None).first()
            locked = SubscriptionChange.objects.select_for_update(of=("self",), no_key=True).get(pk=change.pk)
            if locked.status != Status.SHOWN:
                return _whole(locked)
            if _is_stale(locked, row):
                raise ChangeStale
            locked.status, locked.look_at = Status.ASKED, clock.now() + SOON
            locked.save(update_fields=["status", "look_at"])
            record(
                action="subscription.change_asked",
                actor=actor,
                workspace=locked.workspace,
                target=f"{locked.get_kind_display()}: {wanted(locked).name if locked.version else ''}",
                after={"change": locked.public_id, "amount_due": locked.amount_due},
                request=request,
            )
    except IntegrityError:
        raise ChangeBusy from None
    except ChangeStale:
        _lapse(change)
        raise
    return _whole(locked)


def _whole(change: SubscriptionChange) -> SubscriptionChange:
    rows = SubscriptionChange.objects.select_related("workspace", "subscription", "version__plan", "credit_tier")
    return rows.get(pk=change.pk)


def change_do(change: SubscriptionChange, back: BackOf | None = None) -> SubscriptionChange:
    """Have Stripe do it, and apply what it answers; as often as it takes."""
    try:
        if change.kind == Kind.START:
            if change.session_id is None and back is not None:
                _open_checkout(change, back(change))
        else:
            state = _change_at_stripe(change)
            subscription_follow(state)
            _note_pending(change, state)
    except ChangeRefused as error:
        _fail(change, error.message)
        raise
    return _whole(change)


def _open_checkout(change: SubscriptionChange, back: Back) -> None:
    choice = wanted(change)
    price = price_at_stripe(choice)
    readers = recipients(change.workspace)
    with in_words():
        session = checkout_subscription(
            workspace=change.workspace,
            price=price,
            back=back,
            key=change.public_id,
            metadata={"change": change.public_id, "workspace": change.workspace.public_id},
            email=readers[0] if readers else "",
            trial_days=int(change.shown.get("trial_days") or 0),
        )
    SubscriptionChange.objects.filter(pk=change.pk, session_id=None).update(
        session_id=session.id, session_url=session.url, look_at=clock.now() + LATER
    )


def _change_at_stripe(change: SubscriptionChange) -> SubscriptionState:
    assert change.subscription is not None  # noqa: S101 - only a start has none
    key = str(change.subscription.stripe_id)
    if change.kind == Kind.UPGRADE:
        return _upgrade(change, key)
    price = price_at_stripe(wanted(change)) if change.kind == Kind.DOWNGRADE else ""
    with in_words():
        if change.kind == Kind.DOWNGRADE:
            return subscription_change_later(key, price, idempotency_key=change.public_id)
        if change.kind == Kind.CANCEL:
            return subscription_cancel(key, at_period_end=True)
        subscription_change_forget(key)
        return subscription_resume(key)


def _upgrade(change: SubscriptionChange, key: str) -> SubscriptionState:
    choice = wanted(change)
    with in_words():
        state = subscription(key)
    if state.lookup_key == choice.lookup_key or state.pending or change.invoice_id:
        return state  # Stripe was asked before
    price = price_at_stripe(choice)
    with in_words():
        return subscription_change(key, price, change.at, idempotency_key=change.public_id)


def _note_pending(change: SubscriptionChange, state: SubscriptionState) -> None:
    """It waits for the customer: Stripe's page of the invoice is where it can be paid."""
    if change.kind != Kind.UPGRADE or not state.pending or state.latest_invoice is None:
        return
    SubscriptionChange.objects.filter(pk=change.pk, status=Status.ASKED).update(
        invoice_id=state.latest_invoice.id,
        session_url=state.latest_invoice.url,
        problem=NOT_PAID,
        look_at=clock.now() + LATER,
    )


def _fail(change: SubscriptionChange, problem: str) -> None:
    SubscriptionChange.objects.filter(pk=change.pk, status=Status.ASKED).update(
        status=Status.FAILED, problem=cut(problem, 500), done_at=clock.now(), look_at=None
    )


def change_look(change: SubscriptionChange) -> SubscriptionChange:
    """What became of one that is being done. Raises what `change_do` and the gateway raise."""
    if change.status != Status.ASKED:
        SubscriptionChange.objects.filter(pk=change.pk).update(look_at=None)
        return change
    change = _whole(change)
    if change.kind != Kind.START:
        return change_do(change)
    if change.session_id is None:
        # Whoever began it was interrupted before Stripe's answer was kept: nobody has seen a page to pay on.
        if change.created_at <= clock.now() - VALID:
            _over(change)
        return _whole(change)
    status, made = subscription_of_session(change.session_id)
    if made:
        subscription_follow(subscription(made))
    elif status == "expired":
        _over(change)
    else:
        SubscriptionChange.objects.filter(pk=change.pk).update(look_at=clock.now() + LATER)
    return _whole(change)


def _over(change: SubscriptionChange) -> None:
    SubscriptionChange.objects.filter(pk=change.pk, status=Status.ASKED).update(
        status=Status.LAPSED, done_at=clock.now(), look_at=None
    )


def change_leave(
    change: SubscriptionChange, *, by: User | None = None, request: HttpRequest | None = None
) -> SubscriptionChange:
    """Give up what waits for its payment: its page is closed. What was paid meanwhile counts. Raises PaymentsOff,
    PaymentsDown, ChangeRefused. `by` is who gave it up; none when another change takes its place.
    """
    was, left = change.status, _left(change)
    if by is not None and left.status != was and left.status in (Status.LAPSED, Status.FAILED):
        record(
            action="subscription.change_left",
            actor=by,
            workspace=left.workspace,
            target=str(left),
            before={"status": was},
            after={"status": left.status},
            request=request,
        )
    return left


def _left(change: SubscriptionChange) -> SubscriptionChange:
    if change.status == Status.SHOWN:
        _lapse(change)
    if change.status != Status.ASKED:
        return _whole(change)
    with in_words():
        if change.kind == Kind.START:
            if change.session_id is None or checkout_expire(change.session_id):
                _over(change)
            else:
                change_look(change)
        elif change.kind == Kind.UPGRADE and change.subscription and change.invoice_id:
            subscription_follow(subscription_change_forget(str(change.subscription.stripe_id)))
    return _whole(change)
