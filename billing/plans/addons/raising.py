"""What the add-ons of a workspace raise now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Those of a workspace that raise something at an instant, in the operator's order. What is not covered does for its 48
# hours, whether or not a job is late.
WORKING = """
SELECT held.concurrency, held.feature, held.quantity, addon.most
FROM plans_workspaceaddon held JOIN plans_addon addon ON addon.id = held.addon_id
WHERE held.workspace_id = %s AND held.ended_at IS NULL
    AND (held.status = 'active' OR held.status = 'short' AND held.suspends_at > %s)
ORDER BY addon.position, held.id
"""


@dataclass(frozen=True, slots=True)
class Raised:
    """`features`: their texts, and how many of it; None where there is no counting."""

    concurrency: int
    features: tuple[tuple[str, int | None], ...]


def raised(rows: Sequence[Sequence[Any]]) -> Raised:
    """What the rows of WORKING raise together."""
    return Raised(sum(more * quantity for more, _, quantity, _ in rows), _features(rows))


def _features(rows: Sequence[Sequence[Any]]) -> tuple[tuple[str, int | None], ...]:
    found: dict[str, int | None] = {}
    for _, text, quantity, most in rows:
        if text:
            before = found.get(text, 0)
            found[text] = None if most == 1 or before is None else before + quantity
    return tuple(found.items())
