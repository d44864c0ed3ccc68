"""What the add-ons of a workspace raise now."""

from dataclasses import dataclass
from datetime import datetime

from billing.ledger.roundtrip import Rows, Statement

# What is not covered raises something for its 48 hours, whether or not a job is late.
_WORKING = """
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


def working(workspace_id: int, now: datetime) -> Statement:
    """The statement that asks for the add-ons which raise something, in the operator's order."""
    return _WORKING, (workspace_id, now)


def raised(rows: Rows) -> Raised:
    """What the rows of `working` raise together."""
    return Raised(sum(more * quantity for more, _, quantity, _ in rows), _features(rows))


def _features(rows: Rows) -> tuple[tuple[str, int | None], ...]:
    found: dict[str, int | None] = {}
    for _, text, quantity, most in rows:
        if text:
            before = found.get(text, 0)
            found[text] = None if most == 1 or before is None else before + quantity
    return tuple(found.items())
