"""Starting, paying and ending subscriptions. What Stripe says comes here through billing.plans.subscribing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Workspace
from billing.foundation.site.selectors import site
from billing.plans.hooks import changes_together, tell_changed
from billing.plans.included import forget_included
from billing.plans.models import CreditTier, PlanVersion, Subscription
from billing.plans.periods.due import catch_up, catch_up_all
from billing.plans.periods.versions import limits_begin, limits_give, limits_take, version_give
from billing.plans.selectors import current_subscription, newest_version


def subscription_start(
    *,
    workspace: Workspace,
    version: PlanVersion,
    at: datetime,
    now: datetime,
    credit_tier: CreditTier | None = None,
    interval: str = "",
    stripe_id: str | None = None,
    paid_until: datetime | None = None,
    only_first: bool = False,
    **more: Any,
) -> Subscription:
    """A new subscription with the anchor `at`, in place of the one there is, which ends then. Its periods that have
    begun and are paid are opened at once. One that Stripe knows is started once; with `only_first` it is only started
    where the workspace has none.

    `more`: other fields of the row (status, trial_until). Raises PeriodFailed.
    """
    with transaction.atomic():
        # Whoever starts or ends one has this lock, so that two do not both find none.
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        if stripe_id is not None and (known := _started(stripe_id, at)):
            return known
        if (current := current_subscription(workspace.pk)) is not None:
            if only_first:
                return current
            subscription_end(current.pk, at=max(at, current.anchor), now=now, then_default=False)
        subscription = Subscription.objects.create(
            workspace=workspace,
            version=version,
            credit_tier=credit_tier,
            interval=interval,
            stripe_id=stripe_id,
            paid_until=paid_until,
            anchor=at,
            started_at=now,
            period=-1,
            next_period_at=at,
            **more,
        )
        limits_give(subscription, at=at, now=now)
        catch_up(subscription.pk, now=now)
        subscription.refresh_from_db()
        tell_changed(subscription.pk)
    return subscription


def subscriptions_start(*, workspaces: Sequence[Workspace], version: PlanVersion, now: datetime) -> None:
    """The first subscriptions of workspaces that were made in this transaction, a few dozen at a time; their first
    periods are opened together. Raises PeriodFailed.
    """
    with transaction.atomic(), changes_together():
        made = Subscription.objects.bulk_create(
            Subscription(workspace=each, version=version, anchor=now, started_at=now, period=-1, next_period_at=now)
            for each in workspaces
        )
        limits_begin([each.pk for each in workspaces], version, now=now)
        catch_up_all([subscription.pk for subscription in made], now=now)
        for subscription in made:
            tell_changed(subscription.pk)


def _started(stripe_id: str, anchor: datetime) -> Subscription | None:
    """At Stripe a subscription goes on when its anchor moves; here that ends one row and begins the next. With the same
    anchor it never begins again, also when it has ended: its periods would be given a second time.
    """
    known = Subscription.objects.filter(stripe_id=stripe_id)
    return known.filter(ended_at=None).first() or known.filter(anchor=anchor).first()


def subscription_paid(subscription_id: int, *, until: datetime, now: datetime) -> None:
    """Periods that begin before `until` are paid: those that waited for it are opened, each with its own dates. What is
    paid already stays paid; told twice, or late, this changes nothing. Raises PeriodFailed.
    """
    with transaction.atomic():
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription_id)
        if subscription.paid_until is None or until <= subscription.paid_until:
            return
        subscription.paid_until = until
        subscription.save(update_fields=["paid_until"])
        transaction.on_commit(lambda: forget_included(subscription.workspace_id))
        catch_up(subscription_id, now=now)


def version_change(
    subscription_id: int, version: PlanVersion, *, credit_tier: CreditTier | None = None, at: datetime, now: datetime
) -> None:
    """Put a running subscription on another version from `at` on (not later than `now`). Paid periods that began before
    are opened first, under the version they began with; the next ones are the new version's. Raises PeriodFailed,
    OtherPeriods.
    """
    with transaction.atomic():
        current = Subscription.objects.select_for_update(of=("self",), no_key=True).filter(ended_at=None)
        current.get(pk=subscription_id)
        catch_up(subscription_id, now=now, before=at)
        subscription = current.select_related("version__plan").get(pk=subscription_id)
        version_give(subscription, version, credit_tier=credit_tier, at=at, now=now)


def subscription_end(
    subscription_id: int, *, at: datetime, now: datetime, then_default: bool = True
) -> Subscription | None:
    """End a subscription at `at` (not later than `now`): what it included ends then, what it granted stays to its
    dates. Paid periods that began before are opened first. The workspace is on the site's default plan from then on,
    where that costs nothing. Returns the subscription it has now; ending twice changes nothing. Raises PeriodFailed.
    """
    with transaction.atomic():
        # The workspace before its subscription, as whoever starts one: locks of plans are taken in one order.
        workspaces = Workspace.objects.select_for_update(of=("self",), no_key=True)
        workspace = workspaces.get(subscriptions=subscription_id)
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription_id)
        if subscription.ended_at is not None:
            return current_subscription(workspace.pk)
        subscription.ends_at = at  # nothing is given that begins then or later
        subscription.save(update_fields=["ends_at"])
        catch_up(subscription_id, now=now)
        Subscription.objects.filter(pk=subscription_id).update(
            status=Subscription.Status.ENDED,
            ended_at=at,
            past_due_since=None,
            next_version=None,
            next_credit_tier=None,
            next_interval="",
            changes_at=None,
        )
        tell_changed(subscription_id)
        version = newest_version(site().default_plan) if then_default else None
        if version is None or version.monthly_price_cents:
            limits_take(workspace.pk, at=at, now=now)
            return None
        return subscription_start(workspace=workspace, version=version, at=at, now=now)


def end_one(*, now: datetime, leave_out: Sequence[int] = ()) -> bool:
    """End one of the subscriptions whose last day is over and that nobody pays for through Stripe; False if there is
    none, or others have them all. Raises EndFailed.
    """
    over = Subscription.objects.filter(ended_at=None, ends_at__lte=now, stripe_id=None).exclude(pk__in=leave_out)
    with transaction.atomic():
        # Claimed by their workspaces, whose locks come first.
        claimed = over.select_for_update(of=("workspace",), no_key=True, skip_locked=True).select_related("workspace")
        subscription = claimed.order_by("ends_at", "pk").first()
        while subscription is not None and not over.filter(pk=subscription.pk).exists():
            subscription = claimed.order_by("ends_at", "pk").first()  # that one was ended before its lock was had
        if subscription is None or subscription.ends_at is None:
            return False
        try:
            with transaction.atomic():
                subscription_end(subscription.pk, at=subscription.ends_at, now=now)
        except Exception as error:
            raise EndFailed(subscription.pk) from error
    return True


class EndFailed(Exception):
    """This subscription could not be ended; nothing of it was written. The cause is chained."""

    def __init__(self, subscription_id: int) -> None:
        super().__init__(f"subscription {subscription_id} could not be ended")
        self.subscription_id = subscription_id
