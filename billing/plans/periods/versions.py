"""Giving a subscription another version: limits, price terms and what is included follow at once; credits do not."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.db import transaction

from billing.credits import clock
from billing.foundation.audit.services import record
from billing.ledger.book import open_book
from billing.ledger.many import open_books
from billing.metering.allowancerows import allowances_replace
from billing.metering.hooks import Terms
from billing.plans.errors import OtherPeriods
from billing.plans.hooks import tell_changed
from billing.plans.included import opened_terms
from billing.plans.limits import forget_limits
from billing.plans.models import AutoUpgrade, CreditTier, PlanVersion, Subscription
from billing.plans.own import overdraft_of
from billing.plans.schedules import is_given, schedule_of
from billing.plans.terms import give_plan_terms, take_plan_terms


def version_give(
    subscription: Subscription,
    version: PlanVersion,
    *,
    credit_tier: CreditTier | None = None,
    at: datetime,
    now: datetime,
) -> None:
    """Put a subscription, whose row the caller has locked, on `version` from `at` on; again changes nothing.

    What was included ends at `at` and what the new version includes for the rest of the period begins; credits that
    were granted stay, and the next period's are the new version's. A change that was to come is forgotten. Raises
    OtherPeriods: then it takes a new subscription.
    """
    if version.periods != subscription.version.periods:
        raise OtherPeriods(version)
    changed = version.pk != subscription.version_id
    subscription.version, subscription.credit_tier = version, credit_tier
    subscription.next_version = subscription.next_credit_tier = subscription.changes_at = None
    subscription.next_interval = ""
    if changed:
        subscription.version_since = at
    subscription.save(
        update_fields=[
            *("version", "version_since", "credit_tier"),
            *("next_version", "next_credit_tier", "next_interval", "changes_at"),
        ]
    )
    if changed:
        limits_give(subscription, at=at, now=now)
    tell_changed(subscription.pk)


def limits_give(subscription: Subscription, *, at: datetime, now: datetime) -> None:
    """Let what the subscription's version includes, allows and takes off be in force from `at` on, and nothing of what
    was before.
    """
    workspace_id, version = subscription.workspace_id, subscription.version
    with transaction.atomic():
        with open_book(workspace_id, now=now) as book:
            limit = overdraft_of(workspace_id, version.overdraft)
            if book.overdraft_limit != limit:
                book.set_overdraft_limit(limit)
        # The wallet is locked until the transaction ends, and with it what is included.
        allowances_replace(workspace_id, _terms(subscription), at=at)
        give_plan_terms(workspace_id, version, now=now)
        agreement_end(subscription)
        transaction.on_commit(lambda: forget_limits(workspace_id))


def limits_begin(workspace_ids: Sequence[int], version: PlanVersion, *, now: datetime) -> None:
    """The same for the first subscriptions of workspaces that were made in this transaction: nothing was before,
    and what is included comes with their first periods.
    """
    with open_books(workspace_ids, now=now) as books:
        for book in books:
            if book.overdraft_limit != version.overdraft:
                book.set_overdraft_limit(version.overdraft)
    for workspace_id in workspace_ids:
        if version.discounts or version.tiers:
            give_plan_terms(workspace_id, version, now=now)
        transaction.on_commit(partial(forget_limits, workspace_id))


def agreement_end(subscription: Subscription) -> None:
    """Withdraw what does not hold for its version. Automatic upgrades were agreed to up to a tier of one version, at
    its prices: under another they would never be made, and nobody would know.
    """
    running = AutoUpgrade.objects.filter(workspace=subscription.workspace_id, withdrawn_at=None)
    others = running.exclude(highest__version=subscription.version_id)
    if others.update(withdrawn_at=clock.now(), withdrawn_by="change of the plan"):
        record(
            action="auto_upgrade.withdrawn",
            actor="system",
            workspace=subscription.workspace,
            reason=f"The plan changed to {subscription.version}",
        )


def _terms(subscription: Subscription) -> list[Terms]:
    """Of the period that it is in, the first one for a new one; nothing of one that waits for its payment."""
    period = max(subscription.period, 0)
    return opened_terms(subscription, period) if is_given(subscription, schedule_of(subscription).start(period)) else []


def limits_take(workspace_id: int, *, at: datetime, now: datetime) -> None:
    """Let nothing be included, nothing taken off, and no request go below zero, from `at` on."""
    with transaction.atomic():
        with open_book(workspace_id, now=now) as book:
            limit = overdraft_of(workspace_id, 0)
            if book.overdraft_limit != limit:
                book.set_overdraft_limit(limit)
        allowances_replace(workspace_id, (), at=at)
        take_plan_terms(workspace_id, now=now)
        transaction.on_commit(lambda: forget_limits(workspace_id))
