"""The plans a new installation starts with. Amounts are the seed's."""

from decimal import Decimal
from typing import Any

from django.apps.registry import Apps

from billing.credits.units import NANO

PLANS: tuple[dict[str, Any], ...] = (
    {
        "key": "free",
        "name": "Free",
        "position": 10,
        "version": {
            "monthly_price_cents": 0,
            "allowances": {"input_characters": "1000"},
            "request_limits": {"input_characters": "500"},
            "qualities": ["standard"],
            "features": ["1,000 characters a month", "Standard quality"],
            "intended_for": "Trying things out",
        },
    },
    {
        "key": "pro",
        "name": "Pro",
        "position": 20,
        "version": {
            "monthly_price_cents": 2900,
            "allowances": {"input_characters": "500000"},
            "request_limits": {"input_characters": "5000"},
            "qualities": ["standard", "premium", "ultra"],
            "features": [
                "500,000 characters a month",
                "Standard, Premium and Ultra quality",
                "5,000 characters per request",
                "Commercial use",
            ],
            "intended_for": "Products in production",
        },
    },
    {
        "key": "business",
        "name": "Business",
        "position": 30,
        "version": {
            "monthly_price_cents": 10_000,
            "yearly_price_cents": 100_000,
            "monthly_credits": 20_000 * NANO,
            "rollover_months": 2,
            "credit_price": Decimal("0.005"),
            "concurrency": 50,
            # Credits and rollover are shown beside these: they depend on the credit tier.
            "features": ["All qualities", "Commercial use"],
            "intended_for": "Teams with steady traffic",
            "support": "E-mail, within one business day",
            "sla": "99.9 % a month",
        },
        # (credits, US dollars a month); a year costs ten months
        "credit_tiers": ((50_000, 250), (100_000, 500), (200_000, 1_000), (500_000, 2_500)),
    },
    {
        "key": "enterprise",
        "name": "Enterprise",
        "position": 40,
        "visibility": "hidden",  # agreed with each customer, and given by staff
        "version": {
            "monthly_credits": 1_000_000 * NANO,
            "rollover_months": 2,
            "credit_price": Decimal("0.0045"),
            "overdraft": 100_000 * NANO,
            "features": ["Usage before payment", "All qualities", "Commercial use"],
            "intended_for": "Agreements of their own, by invoice",
            "support": "A named contact, within four hours",
            "sla": "99.95 % a month",
        },
    },
)


def ship_plans(apps: Apps) -> None:
    """Create the plans above, but only in a database that has none: what the operator removed stays away."""
    from billing.credits import clock

    try:
        plans, versions = apps.get_model("plans", "Plan"), apps.get_model("plans", "PlanVersion")
        tiers = apps.get_model("plans", "CreditTier")
    except LookupError:  # migrating backwards, the tables are gone
        return
    if plans.objects.exists():
        return
    for shipped in PLANS:
        named = {name: shipped[name] for name in ("key", "name", "position", "visibility") if name in shipped}
        plan = plans.objects.create(**named)
        version = versions.objects.create(plan=plan, number=1, published_at=clock.now(), **shipped["version"])
        tiers.objects.bulk_create(
            tiers(
                version=version,
                number=number,
                monthly_credits=credits * NANO,
                monthly_price_cents=dollars * 100,
                yearly_price_cents=dollars * 1_000,
            )
            for number, (credits, dollars) in enumerate(shipped.get("credit_tiers", ()), start=1)
        )
