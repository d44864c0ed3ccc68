"""/api/v1/plans: what a customer can subscribe to."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from accounts.scopes import Scope
from billing.api.operations import answer, caller, declared
from billing.api.present import amount, optional_amount
from billing.api.schemas.plans import Plans
from billing.plans.models import CreditTier, PlanVersion
from billing.plans.selectors import plans_on_offer, subscribed_version

router = Router(tags=["Plans"])


@router.get(
    "",
    **declared(Scope.USAGE_READ, {200: Plans}, names_workspace=False),
    operation_id="plans",
    summary="Plans on offer",
)
def plans(request: HttpRequest) -> HttpResponse:
    """The newest version of each that customers can choose themselves, in the operator’s order. A workspace keeps the
    version it began with: `current` says whether this is it.
    """
    call, _ = caller(request)
    workspace = call.known_workspace
    own = None if workspace is None else subscribed_version(workspace.pk)
    return answer({"data": [_document(version, own) for version in plans_on_offer()]})


def _document(version: PlanVersion, own: PlanVersion | None) -> dict[str, Any]:
    return {
        "plan": version.plan.key,
        "name": version.plan.name,
        "version": version.number,
        "current": own is not None and own.pk == version.pk,
        "monthly_price": _money(version.monthly_price_cents),
        "yearly_price": _money(version.yearly_price_cents),
        "trial_days": version.trial_days,
        "periods": version.periods,
        **amount("monthly_credits", version.monthly_credits),
        "credit_tiers": [_tier(tier) for tier in version.credit_tiers.all()],
        "credit_price_usd": version.credit_price,
        "rollover_months": version.rollover_months,
        **optional_amount("rollover_cap", version.rollover_cap),
        "allowances": _quantities(version.allowances, "included"),
        "request_limits": _quantities(version.request_limits, "most"),
        "qualities": version.qualities or None,
        "concurrency": version.concurrency,
        **amount("overdraft", version.overdraft),
        "features": version.features,
        "intended_for": version.intended_for or None,
        "support": version.support or None,
        "sla": version.sla or None,
    }


def _tier(tier: CreditTier) -> dict[str, Any]:
    return {
        "tier": tier.number,
        **amount("monthly_credits", tier.monthly_credits),
        "monthly_price": _money(tier.monthly_price_cents),
        "yearly_price": _money(tier.yearly_price_cents),
    }


def _money(cents: int | None) -> dict[str, Any] | None:
    return None if cents is None else {"amount": cents, "currency": "usd"}


def _quantities(by_meter: dict[str, str], name: str) -> list[dict[str, Any]]:
    return [{"meter": meter, name: Decimal(quantity)} for meter, quantity in by_meter.items()]
