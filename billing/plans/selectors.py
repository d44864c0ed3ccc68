"""Reading plans."""

from billing.plans.models import Plan, PlanVersion, Subscription


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
