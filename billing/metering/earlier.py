"""Usage of before a workspace came here: sums of days that are looked at and never charged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from billing.credits import clock
from billing.ledger.book import open_book
from billing.metering import store
from billing.metering.events import Source
from billing.metering.models import EarlierUsage, UsageEvent
from billing.metering.rated import Count, HourCount, Rollups
from billing.metering.series import SeriesKey, series_ids

NOON = time(12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Earlier:
    """`quantity` of a meter used of a model on a day (UTC). Platform meters have neither provider nor model."""

    day: date
    provider: str
    model: str
    meter: str
    quantity: Decimal
    requests: int


class NotEarlier(ValueError):
    """It is of a day on which the workspace was here already."""


def first_day_here(workspace_id: int) -> date:
    """The first day (UTC) of which nothing can be imported any more: that of the first event, today at the latest."""
    today = clock.now().astimezone(UTC).date()
    of_workspace = UsageEvent.objects.filter(workspace_id=workspace_id)
    first = of_workspace.order_by("occurred_at", "id").values_list("occurred_at", flat=True).first()
    return today if first is None else min(first.astimezone(UTC).date(), today)


def earlier_usage_add(*, workspace_id: int, rows: Sequence[Earlier]) -> int:
    """Keep what is not kept yet, and count it in the hours; how many rows that were. What is there stays as it is.

    Raises NotEarlier, and then nothing is kept.
    """
    with open_book(workspace_id) as book:
        first = first_day_here(workspace_id)
        for row in rows:
            if row.day >= first:
                raise NotEarlier(f"{row.day} is not before {first}, the first day that counts by itself.")
        there = set(
            EarlierUsage.objects.filter(workspace_id=workspace_id).values_list("day", "provider", "model", "meter")
        )
        new = {_name(row): row for row in rows if _name(row) not in there}
        if new:
            EarlierUsage.objects.bulk_create(
                EarlierUsage(
                    workspace_id=workspace_id,
                    day=row.day,
                    provider=row.provider,
                    model=row.model,
                    meter=row.meter,
                    quantity=row.quantity,
                    requests=row.requests,
                    created_at=book.now,
                )
                for row in new.values()
            )
            rollups = _counted(workspace_id, list(new.values()))
            keys = [key for _, key in rollups.usage]
            series = series_ids(keys, rated=frozenset(keys), now=book.now)
            book.also(*store.write_rollups(rollups, series, {}))
    return len(new)


def _name(row: Earlier) -> tuple[date, str, str, str]:
    return row.day, row.provider, row.model, row.meter


def _counted(workspace_id: int, rows: Sequence[Earlier]) -> Rollups:
    found = Rollups(workspace_id, Source(""))
    for row in rows:
        hour = _hour(row.day)
        key = SeriesKey(workspace_id, row.provider, row.model, row.meter, None, "", "", "", None)
        found.usage[hour, key] = Count(row.quantity, 0, row.requests)
        total = found.totals.setdefault(hour, HourCount(0, 0))
        total.requests += row.requests
    return found


def _hour(day: date) -> datetime:
    return datetime.combine(day, NOON)
