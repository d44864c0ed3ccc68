"""The add-ons a new installation starts with: examples, at the face value of a credit ($0.005)."""

from typing import Any

from django.apps.registry import Apps

from billing.credits.units import NANO

ADD_ONS: tuple[dict[str, Any], ...] = (
    {
        "key": "concurrency",
        "name": "Concurrency",
        "description": "5 more requests at the same time",
        "monthly_credits": 500 * NANO,
        "most": 20,
        "concurrency": 5,
        "position": 10,
    },
    {
        "key": "knowledge-bases",
        "name": "Knowledge base",
        "description": "Documents that your agents look things up in",
        "monthly_credits": 1_000 * NANO,
        "most": 10,
        "feature": "Knowledge bases",
        "position": 20,
    },
    {
        "key": "voice-cloning",
        "name": "Voice cloning",
        "description": "Voices made from your own recordings",
        "monthly_credits": 2_000 * NANO,
        "feature": "Voice cloning",
        "position": 30,
    },
)


def ship_addons(apps: Apps) -> None:
    """Create the add-ons above, but only in a database that has none: what the operator removed stays away."""
    try:
        rows = apps.get_model("plans", "AddOn")
    except LookupError:  # migrating backwards, the tables are gone
        return
    if not rows.objects.exists():
        rows.objects.bulk_create(rows(**shipped) for shipped in ADD_ONS)
