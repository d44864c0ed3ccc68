"""The plans a new installation starts with. Amounts are the seed's."""

from typing import Any

from django.apps.registry import Apps

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
)


def ship_plans(apps: Apps) -> None:
    """Create the plans above, but only in a database that has none: what the operator removed stays away."""
    from billing.credits import clock

    try:
        plans, versions = apps.get_model("plans", "Plan"), apps.get_model("plans", "PlanVersion")
    except LookupError:  # migrating backwards, the tables are gone
        return
    if plans.objects.exists():
        return
    for shipped in PLANS:
        plan = plans.objects.create(**{name: shipped[name] for name in ("key", "name", "position")})
        versions.objects.create(plan=plan, number=1, published_at=clock.now(), **shipped["version"])
