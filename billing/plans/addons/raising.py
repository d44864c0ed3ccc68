"""What the add-ons of a workspace raise now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from billing.plans.models import WorkspaceAddOn

Status = WorkspaceAddOn.Status


@dataclass(frozen=True, slots=True)
class Raised:
    """`features`: their texts, and how many of it; None where there is no counting."""

    concurrency: int
    features: tuple[tuple[str, int | None], ...]


def working(now: datetime) -> Q:
    """Those that raise something: what is not covered does so for its 48 hours, whether or not a job is late."""
    return Q(status=Status.ACTIVE) | Q(status=Status.SHORT, suspends_at__gt=now)


def raised(workspace_id: int, now: datetime) -> Raised:
    held = WorkspaceAddOn.objects.filter(working(now), workspace_id=workspace_id).order_by("addon__position", "pk")
    rows = list(held.values_list("concurrency", "feature", "quantity", "addon__most"))
    return Raised(sum(more * quantity for more, _, quantity, _ in rows), _features(rows))


def _features(rows: Iterable[tuple[int, str, int, int]]) -> tuple[tuple[str, int | None], ...]:
    found: dict[str, int | None] = {}
    for _, text, quantity, most in rows:
        if text:
            before = found.get(text, 0)
            found[text] = None if most == 1 or before is None else before + quantity
    return tuple(found.items())
