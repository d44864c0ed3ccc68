"""What a plan allows a single request."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import Workspace
from billing.foundation.cache import TimedCache
from billing.ledger.held import open_count
from billing.metering.events import plain
from billing.metering.origins import KEY_CLASSES
from billing.packs.selectors import suspended
from billing.plans.limits import PlanLimits
from billing.plans.models import PlanVersion
from billing.pricing.tariff import ModelPrices
from billing.usage.errors import ConcurrencyExceeded, UsageRefused


def check_limits(
    workspace_id: int,
    limits: PlanLimits,
    *,
    usage: Mapping[str, Decimal],
    variant: Mapping[str, str],
    prices: ModelPrices,
) -> None:
    """Raises UsageRefused: workspace_suspended, payment_disputed, request_over_limit or quality_not_in_plan."""
    if is_suspended(workspace_id):
        raise UsageRefused(
            "workspace_suspended",
            "This workspace is suspended, and new requests are declined. Nothing was held or charged. Ask the team that"
            " runs the portal.",
        )
    if suspended(workspace_id):
        raise UsageRefused(
            "payment_disputed",
            "A card payment of this workspace is disputed, and new requests are declined until that is decided. Nothing"
            " was held or charged. Ask the team that runs the portal.",
        )
    for meter, most in limits.request_limits.items():
        if usage.get(meter, Decimal(0)) > most:
            detail = (
                f"The {limits.plan_name} plan allows {plain(most)} {meter} per request, this one has"
                f" {plain(usage[meter])}. Split it, or change the plan."
            )
            raise UsageRefused("request_over_limit", detail, f"/usage/{meter}")
    quality = variant.get("quality", "")
    if quality and not limits.allows_quality(quality) and not _means_the_model(quality, prices):
        raise UsageRefused("quality_not_in_plan", _not_in_plan(quality, limits), "/variant/quality")


def check_concurrency(workspace_id: int, limits: PlanLimits, open_holds: int, at: datetime) -> None:
    """Raises ConcurrencyExceeded if one more request would be too many. Exact while the wallet is locked."""
    if limits.concurrency is None or open_holds < limits.concurrency:
        return
    running = requests_running(workspace_id, at)  # not every hold is for one
    if running >= limits.concurrency:
        raise ConcurrencyExceeded(limits.plan_name, limit=limits.concurrency, open_holds=running)


def requests_running(workspace_id: int, at: datetime) -> int:
    """How many requests are authorised and neither settled nor over."""
    return open_count(workspace_id, KEY_CLASSES, at)


def _not_in_plan(quality: str, limits: PlanLimits) -> str:
    included = ", ".join(name.capitalize() for name in limits.qualities)
    return f"The {limits.plan_name} plan includes the qualities {included}; “{quality}” is not among them."


def _means_the_model(quality: str, prices: ModelPrices) -> bool:
    """An image model's own "high" is a variant of its price, unless plans sell a quality of that name."""
    return quality.lower() in prices.variant_values.get("quality", set()) and quality.lower() not in _sold.get("")


def _qualities(_: str) -> frozenset[str]:
    lists = PlanVersion.objects.filter(published_at__isnull=False).values_list("qualities", flat=True)
    return frozenset(quality.lower() for qualities in lists for quality in qualities)


_sold: TimedCache[str, frozenset[str]] = TimedCache(_qualities, seconds=30)


def is_suspended(workspace_id: int) -> bool:
    """Whether staff have suspended it; known in other processes within 5 seconds."""
    return workspace_id in _suspended.get(1)


def _by_staff(_: int) -> frozenset[int]:
    return frozenset(Workspace.objects.filter(suspended_at__isnull=False).values_list("pk", flat=True))


# At most 5 seconds old in other processes.
_suspended: TimedCache[int, frozenset[int]] = TimedCache(_by_staff, seconds=5)


def forget_suspended(_workspace: Workspace) -> None:
    """Subscriber of `suspension_changed`: this process knows of it with the commit."""
    transaction.on_commit(_suspended.clear)
