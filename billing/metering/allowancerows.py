"""Opening and ending allowances from above: many at once, and when a workspace's plan changes."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import F

from billing.metering.hooks import Terms
from billing.metering.models import Allowance, AllowanceHold


def allowances_open(terms: Iterable[tuple[int, Terms]]) -> None:
    """Open allowances of workspaces (by id); those that are open already stay as they are."""
    rows = [
        Allowance(
            workspace_id=workspace_id,
            meter=each.meter,
            starts_at=each.starts_at,
            ends_at=each.ends_at,
            included=each.included,
        )
        for workspace_id, each in terms
    ]
    # In one order, so that two who open the same ones do not wait for each other in a circle.
    rows.sort(key=lambda row: (row.workspace_id, row.starts_at, row.meter))
    Allowance.objects.bulk_create(rows, ignore_conflicts=True)


def allowances_replace(workspace_id: int, terms: Sequence[Terms], *, at: datetime) -> None:
    """From `at` on these are what is included, and nothing else: what was open ends then. What was used since stays
    used. To be called under the wallet's lock.
    """
    running = Allowance.objects.filter(workspace_id=workspace_id, ends_at__gt=at)
    running.filter(starts_at__lt=at).update(ends_at=at)
    later = running.filter(starts_at__gte=at)
    reserved = AllowanceHold.objects.filter(allowance__in=later)
    later.filter(used=0).exclude(pk__in=reserved.values("allowance")).delete()
    later.update(included=F("used"))
    for each in terms:
        row, created = Allowance.objects.get_or_create(
            workspace_id=workspace_id,
            meter=each.meter,
            starts_at=each.starts_at,
            defaults={"ends_at": each.ends_at, "included": each.included},
        )
        if not created:
            row.ends_at, row.included = each.ends_at, max(each.included, row.used)
            row.save(update_fields=["ends_at", "included"])
