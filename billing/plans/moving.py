"""Moving customers from a version of a plan to its newest one: what it would change, then doing it, workspace by
workspace. Nobody is moved whose price would change: that takes the customer's own consent.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.plans.models import CreditTier, PlanVersion, Subscription
from billing.plans.periods.amounts import cents_a_month
from billing.plans.periods.life import version_change
from billing.plans.selectors import newest_published
from billing.plans.shown import version_differences

log = logging.getLogger(__name__)
CHUNK = 200


@dataclass(frozen=True)
class MovePreview:
    """`stay` counts by reason those who keep the old version. `changes`: (what, how it is now, how it will be)."""

    target: PlanVersion
    moved: int
    stay: dict[str, int]
    changes: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Moved:
    moved: int
    failed: int


def move_preview(version: PlanVersion) -> MovePreview | None:
    """What moving everybody who is on `version` would do; None where it is the newest."""
    target = newest_published(version.plan_id)
    if target is None or target.pk == version.pk:
        return None
    tiers = _tiers(target)
    reasons = Counter(_why_not(subscription, target, tiers) for subscription in _on(version))
    moved = reasons.pop("", 0)
    return MovePreview(target, moved, dict(reasons), version_differences(version, target))


def version_move(
    *,
    version: PlanVersion,
    target: PlanVersion,
    reason: str,
    actor: User | str,
    request: HttpRequest | None = None,
    now: datetime | None = None,
) -> Moved:
    """Move who can be moved; each in a transaction and with an audit entry of its own, so that doing it again goes on
    where it stopped. What was included ends at once and the target's begins, credits stay, and the next period's are
    the target's.
    """
    now = now or clock.now()
    tiers, moved, failed = _tiers(target), 0, 0
    for subscription in _on(version):
        if _why_not(subscription, target, tiers):
            continue
        try:
            with transaction.atomic():
                rows = Subscription.objects.select_for_update(of=("self",), no_key=True).select_related(
                    "version__plan", "credit_tier"
                )
                current = rows.filter(pk=subscription.pk, version=version, ended_at=None).first()
                if current is None or _why_not(current, target, tiers):
                    continue  # it went elsewhere in the meantime, or is about to
                tier = _same_rung(current.credit_tier, tiers)  # which may be another one by now
                version_change(subscription.pk, target, credit_tier=tier, at=now, now=now)
                record(
                    action="plan.customer_moved",
                    actor=actor,
                    workspace=subscription.workspace,
                    target=str(target),
                    before={"version": str(version)},
                    after={"version": str(target)},
                    reason=reason,
                    request=request,
                )
        except Exception:
            log.exception("subscription %s could not be moved to %s", subscription.pk, target)
            failed += 1
        else:
            moved += 1
    return Moved(moved, failed)


def _on(version: PlanVersion) -> Iterator[Subscription]:
    """Everybody who is on it, in steps that stay small."""
    last = 0
    found = Subscription.objects.filter(version=version, ended_at=None).order_by("pk")
    found = found.select_related("workspace", "version__plan", "credit_tier")
    while chunk := list(found.filter(pk__gt=last)[:CHUNK]):
        yield from chunk
        last = chunk[-1].pk


def _why_not(subscription: Subscription, target: PlanVersion, tiers: dict[int, CreditTier]) -> str:
    """Empty for one that is moved."""
    if subscription.version.periods != target.periods:
        return "their months would begin on another day"
    old, new = subscription.credit_tier, _same_rung(subscription.credit_tier, tiers)
    if old is not None and new is None:
        return "their credit tier is not in the newest version"
    if subscription.interval:
        price = cents_a_month(subscription.version, old, subscription.interval)
        if price != cents_a_month(target, new, subscription.interval):
            return "their price would change"
    if subscription.changes_at is not None:
        return "they have a change to come"
    return ""


def _same_rung(tier: CreditTier | None, tiers: dict[int, CreditTier]) -> CreditTier | None:
    return None if tier is None else tiers.get(tier.number)


def _tiers(version: PlanVersion) -> dict[int, CreditTier]:
    return {tier.number: tier for tier in version.credit_tiers.all()}
