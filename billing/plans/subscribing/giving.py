"""What staff do about a subscription: put a workspace on a plan without Stripe, and cancel, with a reason."""

from django.db import transaction
from django.http import HttpRequest

from accounts.errors import Refused
from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.foundation.hostclock import present
from billing.gateway.subscription_changes import subscription_cancel
from billing.plans.models import CreditTier, PlanVersion, Subscription
from billing.plans.periods.life import subscription_end, subscription_start
from billing.plans.selectors import current_subscription
from billing.plans.subscribing.asking import in_words
from billing.plans.subscribing.choices import Choice, choice_of
from billing.plans.subscribing.errors import NotNow
from billing.plans.subscribing.following import subscription_follow


def plan_give(
    *,
    workspace: Workspace,
    version: PlanVersion,
    credit_tier: CreditTier | None = None,
    reason: str,
    actor: User,
    request: HttpRequest | None = None,
) -> Subscription:
    """Put it on `version` from now on, for nothing; its first credits come at once. Raises Refused while it pays for a
    plan through Stripe, and when it is on this one.
    """
    with transaction.atomic():
        # Whoever begins one has this lock: a Checkout that is paid at this moment comes before or after.
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        return _given(workspace, Choice(version, credit_tier), reason, actor, request)


def _given(workspace: Workspace, choice: Choice, reason: str, actor: User, request: HttpRequest | None) -> Subscription:
    current, version, credit_tier = current_subscription(workspace.pk), choice.version, choice.tier
    if current is not None and current.stripe_id:
        raise Refused("This workspace pays for its plan. Cancel that first.")
    if current is not None and choice_of(current).key == choice.key:
        raise Refused("This is the plan that the workspace is on.")
    if version.published_at is None or (credit_tier is not None and credit_tier.version_id != version.pk):
        raise Refused("There is no such plan.")
    now = present()
    row = subscription_start(workspace=workspace, version=version, credit_tier=credit_tier, at=now, now=now)
    record(
        action="subscription.given",
        actor=actor,
        workspace=workspace,
        target=choice.name,
        before={"on": choice_of(current).name if current else None},
        after={"on": choice.name},
        reason=reason,
        request=request,
    )
    return row


def subscription_stop(
    *, row: Subscription, now: bool, reason: str, actor: User, request: HttpRequest | None = None
) -> Subscription | None:
    """Cancel it when its paid time is over, or end it `now`; nothing is paid back. Returns what the workspace has then.

    Not to be called within a transaction: it waits for the network. Raises NotNow, PaymentsOff, PaymentsDown,
    ChangeRefused.
    """
    if row.ended_at is not None:
        raise NotNow("It has ended.")
    if row.stripe_id:
        with in_words():
            state = subscription_cancel(row.stripe_id, at_period_end=not now)
        found = subscription_follow(state)
    elif now:
        found = subscription_end(row.pk, at=clock.now(), now=clock.now())
    else:
        raise NotNow("Nothing is paid for it, so it has no paid time. End it now, or give it another plan.")
    record(
        action="subscription.stopped",
        actor=actor,
        workspace=row.workspace,
        target=choice_of(row).name,
        after={"now": now, "subscription": row.stripe_id},
        reason=reason,
        request=request,
    )
    return found
