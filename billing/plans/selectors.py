"""Reading plans."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from billing.foundation.cache import TimedCache
from billing.plans.included import forget_included
from billing.plans.models import PlanVersion, Subscription

KEEP_SECONDS = 5


@dataclass(frozen=True)
class PlanLimits:
    """What the plan of a workspace allows."""

    plan_key: str  # empty: no plan, nothing is limited
    plan_name: str
    request_limits: Mapping[str, Decimal]  # meter -> most per request
    qualities: tuple[str, ...]  # lower case; empty: all
    overdraft: int  # nano-credits that authorisations may go below zero
    features: tuple[str, ...]
    concurrency: int | None = None  # requests at the same time; None: as many as wanted

    def allows_quality(self, quality: str) -> bool:
        return not self.qualities or quality.lower() in self.qualities


UNLIMITED = PlanLimits("", "", MappingProxyType({}), (), 0, ())


def limits_for(workspace_id: int) -> PlanLimits:
    """The plan's limits, at most 5 seconds old."""
    return _cache.get(workspace_id)


def forget_limits(workspace_id: int) -> None:
    """After the plan of a workspace changed."""
    _cache.forget(workspace_id)
    forget_included(workspace_id)


def _load(workspace_id: int) -> PlanLimits:
    version = subscribed_version(workspace_id)
    if version is None:
        return UNLIMITED
    return PlanLimits(
        plan_key=version.plan.key,
        plan_name=version.plan.name,
        request_limits=MappingProxyType({meter: Decimal(most) for meter, most in version.request_limits.items()}),
        qualities=tuple(quality.lower() for quality in version.qualities),
        overdraft=version.overdraft,
        features=tuple(version.features),
        concurrency=version.concurrency,
    )


_cache: TimedCache[int, PlanLimits] = TimedCache(_load, seconds=KEEP_SECONDS)


def subscribed_version(workspace_id: int) -> PlanVersion | None:
    subscription = Subscription.objects.filter(workspace_id=workspace_id).select_related("version__plan").first()
    return subscription.version if subscription else None


def plans_on_offer() -> list[PlanVersion]:
    """What new subscribers can choose: the newest published version of each plan, in the operator's order."""
    published = PlanVersion.objects.filter(published_at__isnull=False).select_related("plan")
    newest = published.order_by("plan__position", "plan__key", "-number").distinct("plan__position", "plan__key")
    return list(newest)


def newest_version(plan_key: str) -> PlanVersion | None:
    """What a new subscriber of the plan gets: its newest published version."""
    published = PlanVersion.objects.filter(plan__key=plan_key, published_at__isnull=False)
    return published.select_related("plan").order_by("-number").first()
