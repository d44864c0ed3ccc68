"""Reading plans."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from billing.credits import clock
from billing.foundation.cache import TimedCache
from billing.ledger.session import read
from billing.plans.addons.raising import raised, working
from billing.plans.included import forget_included
from billing.plans.models import Plan, PlanVersion, Subscription

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
    concurrency: int | None = None  # requests at the same time, with add-ons; None: as many as wanted
    add_ons: tuple[tuple[str, int | None], ...] = ()  # texts of features, and how many of it; None: uncounted

    def allows_quality(self, quality: str) -> bool:
        return not self.qualities or quality.lower() in self.qualities


_SUBSCRIBED = "SELECT version_id FROM plans_subscription WHERE workspace_id = %s AND ended_at IS NULL"
_OWN = "SELECT overdraft, concurrency, request_limits::text FROM plans_workspacelimits WHERE workspace_id = %s"

UNLIMITED = PlanLimits("", "", MappingProxyType({}), (), 0, ())


def limits_for(workspace_id: int) -> PlanLimits:
    """What the plan and the add-ons allow, at most 5 seconds old (the name of the plan: 10)."""
    return _cache.get(workspace_id)


def forget_limits(workspace_id: int) -> None:
    """After the plan of a workspace changed."""
    _cache.forget(workspace_id)
    forget_included(workspace_id)


def _load(workspace_id: int) -> PlanLimits:
    """In one round trip past the ORM: every process asks this of each workspace that authorises, all 5 seconds."""
    subscribed, working_add_ons, own = read(
        (_SUBSCRIBED, (workspace_id,)), working(workspace_id, clock.now()), (_OWN, (workspace_id,))
    )
    limits = _versions.get(subscribed[0][0]) if subscribed else UNLIMITED
    if own:
        limits = _with_its_own(limits, *own[0])
    if not working_add_ons:
        return limits
    more = raised(working_add_ons)
    concurrency = None if limits.concurrency is None else limits.concurrency + more.concurrency
    return replace(limits, concurrency=concurrency, add_ons=more.features)


def _with_its_own(
    limits: PlanLimits, overdraft: int | None, concurrency: int | None, request_limits: str
) -> PlanLimits:
    """What staff agreed on with this customer, in place of the plan's."""
    per_request = {meter: Decimal(most) for meter, most in json.loads(request_limits).items()}
    return replace(
        limits,
        overdraft=limits.overdraft if overdraft is None else overdraft,
        concurrency=limits.concurrency if concurrency is None else concurrency,
        request_limits=MappingProxyType({**limits.request_limits, **per_request}),
    )


def _limits_of(version_id: int) -> PlanLimits:
    version = PlanVersion.objects.select_related("plan").get(pk=version_id)
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
# What a subscriber has of a version never changes; only the name of its plan may.
_versions: TimedCache[int, PlanLimits] = TimedCache(_limits_of, seconds=KEEP_SECONDS)


def current_subscription(workspace_id: int) -> Subscription | None:
    """The one that has not ended, with its version, plan and credit tier."""
    found = Subscription.objects.filter(workspace_id=workspace_id, ended_at=None)
    return found.select_related("version__plan", "credit_tier").first()


def subscribed_version(workspace_id: int) -> PlanVersion | None:
    found = current_subscription(workspace_id)
    return found.version if found else None


def subscribed_plan(workspace_id: int) -> str:
    """The key of the plan that it is on now; empty without one."""
    version = subscribed_version(workspace_id)
    return version.plan.key if version else ""


def plan_names() -> dict[str, str]:
    """Key → name of all plans."""
    return dict(Plan.objects.values_list("key", "name"))


def plans_on_offer() -> list[PlanVersion]:
    """What customers can choose themselves: the newest published version of each public plan with its credit tiers, in
    the operator's order.
    """
    published = PlanVersion.objects.filter(published_at__isnull=False, plan__visibility=Plan.Visibility.PUBLIC)
    newest = published.order_by("plan__position", "plan__key", "-number").distinct("plan__position", "plan__key")
    return list(newest.select_related("plan").prefetch_related("credit_tiers"))


def newest_version(plan_key: str) -> PlanVersion | None:
    """What a new subscriber of the plan gets: its newest published version; None of one that was retired."""
    plan = Plan.objects.filter(key=plan_key).exclude(visibility=Plan.Visibility.RETIRED).first()
    return newest_published(plan.pk) if plan is not None else None


def newest_published(plan_id: int) -> PlanVersion | None:
    """The newest published version of a plan, whether or not anybody can still begin with it."""
    published = PlanVersion.objects.filter(plan_id=plan_id, published_at__isnull=False)
    return published.select_related("plan").order_by("-number").first()


def version_to_follow(plan_id: int) -> PlanVersion | None:
    """What a plan's next version is made from: its newest published one, else its newest draft."""
    return newest_published(plan_id) or PlanVersion.objects.filter(plan_id=plan_id).order_by("-number").first()
