"""What the reversal of an event takes out of the hourly totals, and gives back of allowances."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import F

from billing.metering.endusers import counted_as
from billing.metering.models import Allowance, EndUserHour, HourTotal, HourUsage, UsageEvent
from billing.metering.rated import parts
from billing.metering.series import SeriesKey, folded

_COUNTED = """
SELECT s.digest, s.id, s.created_on, used.amount FROM metering_series s
JOIN metering_hourusage used ON used.workspace_id = s.workspace_id AND used.series_id = s.id AND used.hour = %s
WHERE s.workspace_id = %s AND s.digest = ANY(%s)
"""


def uncount(event: UsageEvent) -> None:
    """Lower the totals of the hour that the event counts in. Its quantities and the request happened, and stay; so does
    what was paid upstream for it.
    """
    hour = event.booked_at.replace(minute=0, second=0, microsecond=0)
    of_hour = HourTotal.objects.filter(workspace_id=event.workspace_id, hour=hour)
    of_hour.update(amount=F("amount") - event.amount, reversed=F("reversed") + event.amount)
    for series, amount in _by_series(event, hour).items():
        used = HourUsage.objects.filter(workspace_id=event.workspace_id, hour=hour, series_id=series)
        used.update(amount=F("amount") - amount)
    if event.end_user and event.amount:
        of_user = EndUserHour.objects.filter(
            workspace_id=event.workspace_id, hour=hour, end_user_id=counted_as(event).pk
        )
        of_user.update(amount=F("amount") - event.amount)


def _by_series(event: UsageEvent, hour: datetime) -> Mapping[int, int]:
    """Nano-credits of the event by the series that counted them."""
    usage = {meter: Decimal(quantity) for meter, quantity in event.usage.items()}
    lines = [(line["meter"], Decimal(line["quantity"]), line["nano"], 0) for line in event.lines]
    wanted = {_key(event, meter): amount for meter, _, amount, _ in parts(usage, lines) if amount}
    rows = _counted(event.workspace_id, hour, [*wanted, *map(folded, wanted)])
    counted_on = (event.priced_at or event.recorded_at).date()
    found: dict[int, int] = {}
    for key, amount in wanted.items():
        # A combination that was new after its day's limit went to "other", though it may have a series since.
        own, other = rows.get(key.digest()), rows.get(folded(key).digest())
        if own is not None and (own[1] > counted_on or own[2] < amount):
            own, other = other, own
        if row := own or other:
            found[row[0]] = found.get(row[0], 0) + amount
    return found


def _counted(workspace_id: int, hour: datetime, keys: list[SeriesKey]) -> Mapping[bytes, tuple[int, date, int]]:
    """(series, the day it was made, what it has in this hour) by digest, for those that counted something then."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [hour, workspace_id, [key.digest() for key in keys]])
        return {bytes(digest): (series, made, amount) for digest, series, made, amount in cursor.fetchall()}


def _key(event: UsageEvent, meter: str) -> SeriesKey:
    return SeriesKey(
        event.workspace_id, event.provider, event.model, meter, event.project_id,
        event.task, event.agent, event.app, event.api_key_id,
    )  # fmt: skip


def give_back(event: UsageEvent) -> None:
    """What the event's lines took from allowances can be used again, as long as their rows are there. Call it under
    the wallet lock.
    """
    taken: dict[str, Decimal] = {}
    for line in event.lines:
        taken[line["meter"]] = taken.get(line["meter"], Decimal(0)) + Decimal(line["from_allowance"])
    running = Allowance.objects.filter(
        workspace_id=event.workspace_id, starts_at__lte=event.booked_at, ends_at__gt=event.booked_at
    )
    for meter, quantity in taken.items():
        # Where allowances overlap, what ends first was used first: so it is given back last.
        for allowance in running.filter(meter=meter, used__gt=0).order_by("-ends_at", "-id") if quantity else ():
            part = min(allowance.used, quantity)
            Allowance.objects.filter(pk=allowance.pk).update(used=F("used") - part)
            quantity -= part
            if not quantity:
                break
