"""The packs a new installation starts with: examples, at the face value of a credit ($0.005)."""

from typing import Any

from django.apps.registry import Apps

from billing.credits.units import NANO

PACKS: tuple[dict[str, Any], ...] = (
    {
        "key": "starter",
        "name": "Starter",
        "description": "To try things out",
        "credits": 2_000 * NANO,
        "price": 1_000,
        "validity_days": 365,
        "position": 10,
    },
    {
        "key": "growth",
        "name": "Growth",
        "description": "For a product with its first customers",
        "credits": 10_000 * NANO,
        "bonus_credits": 500 * NANO,
        "price": 5_000,
        "validity_days": 365,
        "position": 20,
    },
    {
        "key": "scale",
        "name": "Scale",
        "description": "For steady traffic",
        "credits": 50_000 * NANO,
        "bonus_credits": 5_000 * NANO,
        "price": 25_000,
        "validity_days": 365,
        "position": 30,
    },
)


def ship_packs(apps: Apps) -> None:
    """Create the packs above, but only in a database that has none: what the operator removed stays away."""
    try:
        packs = apps.get_model("packs", "Pack")
    except LookupError:  # migrating backwards, the tables are gone
        return
    if not packs.objects.exists():
        packs.objects.bulk_create(packs(**shipped) for shipped in PACKS)
