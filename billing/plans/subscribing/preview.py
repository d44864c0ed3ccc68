"""What a change would do, worked out and kept before anybody confirms it: what is charged now, what later, which
credits come, what becomes of those that are there. What is confirmed is this row, with its instant.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User, Workspace
from billing.credits import clock
from billing.gateway.looking import connected
from billing.gateway.subscription_changes import Preview, subscription_preview
from billing.ledger.services import request_hash
from billing.plans import calendar
from billing.plans.models import Interval, Subscription, SubscriptionChange
from billing.plans.selectors import current_subscription
from billing.plans.subscribing import words
from billing.plans.subscribing.asking import CURRENCY, in_words, price_at_stripe
from billing.plans.subscribing.choices import Choice, choice_of, default_choice, waits
from billing.plans.subscribing.errors import ChangeConflict, NotNow, PaymentsOff
from billing.plans.subscribing.prorata import credits_difference
from billing.plans.subscribing.spans import first_credits, present_span

Kind = SubscriptionChange.Kind
Row = Subscription.Status


@dataclass
class Plan:
    """The preview before it is kept. Amounts as in SubscriptionChange."""

    kind: str
    at: datetime
    effective_at: datetime
    amount_due: int = 0
    credits: int = 0
    credits_until: datetime | None = None
    lines: list[dict[str, Any]] | None = None
    next_at: datetime | None = None
    next_amount: int = 0
    trial_days: int = 0


def change_preview(
    *,
    workspace: Workspace,
    choice: Choice | None,
    key: str,
    kind: str = "",
    origin: str = SubscriptionChange.Origin.PERSON,
    actor: User | None = None,
    actor_label: str = "",
) -> tuple[SubscriptionChange, bool]:
    """What changing to `choice` would do; or, without one, cancelling or staying (`kind`). And whether it was shown
    before under `key`.

    Not to be called within a transaction: it waits for the network. Raises NotNow, ChangeConflict, PaymentsOff,
    PaymentsDown, ChangeRefused.
    """
    wanted = list(choice.key) if choice else [kind]
    hashed = request_hash({"change": wanted})
    if (known := _known(workspace, key, hashed)) is not None:
        return known, True
    row = current_subscription(workspace.pk)
    at = clock.now().replace(microsecond=0)
    plan = _keep_or_cancel(row, kind, at) if choice is None else _to(workspace, row, choice, at)
    if plan.kind in (Kind.CANCEL, Kind.KEEP):
        choice = None
    try:
        with transaction.atomic():
            return _write(workspace, row, choice, plan, key, hashed, origin, actor, actor_label), False
    except IntegrityError:
        if (other := _known(workspace, key, hashed)) is None:
            raise
        return other, True


def _known(workspace: Workspace, key: str, hashed: bytes) -> SubscriptionChange | None:
    found = SubscriptionChange.objects.filter(workspace=workspace, key=key).first()
    if found is not None and bytes(found.request_hash) != hashed:
        raise ChangeConflict("This was sent before for another change. Nothing was done.")
    return found


def _write(
    workspace: Workspace,
    row: Subscription | None,
    choice: Choice | None,
    plan: Plan,
    key: str,
    hashed: bytes,
    origin: str,
    actor: User | None,
    actor_label: str,
) -> SubscriptionChange:
    return SubscriptionChange.objects.create(
        workspace=workspace,
        subscription=row,
        key=key,
        request_hash=hashed,
        kind=plan.kind,
        origin=origin,
        actor=actor,
        actor_label=(actor.email if actor else actor_label)[:200],
        version=choice.version if choice else None,
        credit_tier=choice.tier if choice else None,
        interval=choice.interval if choice else "",
        at=plan.at,
        effective_at=plan.effective_at,
        amount_due=plan.amount_due,
        currency=CURRENCY,
        credits=plan.credits,
        credits_until=plan.credits_until,
        shown={
            "of": fingerprint(row),
            "lines": plan.lines or [],
            "next": {"at": plan.next_at.isoformat(), "amount": plan.next_amount} if plan.next_at else None,
            "trial_days": plan.trial_days,
            "sentences": words.sentences(row, choice, plan),
        },
        created_at=clock.now(),
    )


def fingerprint(row: Subscription | None) -> list[Any]:
    """What a preview rests on: when it is another one by the time of the confirmation, the preview is stale."""
    if row is None:
        return []
    dates = [each.isoformat() if each else None for each in (row.paid_until, row.ends_at, row.changes_at)]
    return [row.pk, *choice_of(row).key, row.period, row.status, *dates]


def _to(workspace: Workspace, row: Subscription | None, choice: Choice, at: datetime) -> Plan:
    if row is not None and choice.key == choice_of(row).key:
        raise NotNow("This is the plan that you are on.")
    if row is None or not row.stripe_id:
        return _start(workspace, row, choice, at)
    if not choice.price_cents:
        default = default_choice()
        if default is None or default.key != choice.key:
            raise NotNow("Cancel the present plan first. When it has ended you can choose this one.")
        return _keep_or_cancel(row, Kind.CANCEL, at)
    _may_change(row, at)
    if choice.version.periods != row.version.periods:
        raise NotNow("The periods of this plan are counted in another way. Ask the team that runs this portal.")
    return _later(row, choice, at) if waits(choice_of(row), choice) else _now(row, choice, at)


def _may_change(row: Subscription, at: datetime) -> None:
    if row.status in (Row.PAST_DUE, Row.UNPAID):
        raise NotNow("The last payment failed. Pay it first, then change the plan.")
    if row.status == Row.TRIALING:
        raise NotNow("The plan can be changed when the trial is over. You can cancel it before.")
    if row.ends_at:
        raise NotNow("The plan was cancelled. Resume it first, then change it.")
    if row.changes_at:
        raise NotNow("Another change is planned. Choose “Stay on this plan” first, then change it.")
    if row.next_period_at <= at:
        raise NotNow("The payment of the new period is being confirmed. Try again in a few minutes.")


def _start(workspace: Workspace, row: Subscription | None, choice: Choice, at: datetime) -> Plan:
    if not choice.price_cents:
        raise NotNow("This plan is not sold. Ask the team that runs this portal to put you on it.")
    if not connected():
        raise PaymentsOff
    had_one = Subscription.objects.filter(workspace=workspace).exclude(stripe_id=None).exists()
    trial = 0 if had_one else choice.version.trial_days
    credits, until = first_credits(choice, at)
    return Plan(
        Kind.START,
        at,
        at,
        amount_due=0 if trial else choice.price_cents,
        credits=credits,
        credits_until=until,
        lines=[{"text": choice.name, "amount": choice.price_cents}],
        next_at=at + timedelta(days=trial) if trial else calendar.plus_months(at, _months(choice)),
        next_amount=choice.price_cents,
        trial_days=trial,
    )


def _months(choice: Choice) -> int:
    return 12 if choice.interval == Interval.YEAR else 1


def _now(row: Subscription, choice: Choice, at: datetime) -> Plan:
    """Charged pro rata at once; the credits' difference comes with the payment."""
    assert row.stripe_id is not None  # noqa: S101 - the caller knows
    price = price_at_stripe(choice)
    with in_words():
        shown = subscription_preview(row.stripe_id, price, at)
    credits, until = _rest(row, choice, at)
    return Plan(
        Kind.UPGRADE,
        at,
        at,
        amount_due=charged_now(shown),
        credits=credits,
        credits_until=until,
        lines=[{"text": line.description, "amount": line.amount} for line in shown.lines],
        next_at=shown.next_at,
        next_amount=shown.next_amount,
    )


def _rest(row: Subscription, choice: Choice, at: datetime) -> tuple[int, datetime]:
    """The credits' difference for the rest of the period, and until when they are good."""
    span, before = present_span(row), choice_of(row).monthly_credits
    credits = credits_difference(before, choice.monthly_credits, at=at, starts_at=span.starts_at, ends_at=span.ends_at)
    return credits, span.credits_until(choice.version)


def charged_now(shown: Preview) -> int:
    """Below 0: what stays in the customer's balance for the next invoices."""
    return shown.total if shown.total < 0 else shown.amount_due


def _later(row: Subscription, choice: Choice, at: datetime) -> Plan:
    assert row.paid_until is not None  # noqa: S101 - a constraint says so
    assert row.stripe_id is not None  # noqa: S101 - the caller knows
    price = price_at_stripe(choice)
    with in_words():
        shown = subscription_preview(row.stripe_id, price, at, later=True)
    return Plan(Kind.DOWNGRADE, at, row.paid_until, next_at=shown.next_at, next_amount=shown.next_amount)


def _keep_or_cancel(row: Subscription | None, kind: str, at: datetime) -> Plan:
    if row is None or not row.stripe_id or row.paid_until is None:
        raise NotNow("There is nothing to cancel: this plan is not paid for here.")
    if kind == Kind.KEEP:
        if not row.ends_at and not row.changes_at:
            raise NotNow("Neither a cancellation nor a change is planned.")
        return Plan(Kind.KEEP, at, at, next_at=row.paid_until, next_amount=choice_of(row).price_cents)
    if row.ends_at:
        raise NotNow("It was cancelled before.")
    return Plan(Kind.CANCEL, at, max(row.paid_until, at))
