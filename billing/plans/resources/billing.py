"""Billing resources through metering, day by day. Whoever bills holds the resource's row lock, then takes the wallet's.

A day is billed when it begins, or when the resource is made; what rises during the day is billed at once, for the
difference. Row and usage are written in one transaction, so a worker that dies leaves nothing half done, and the ids
of the events (`resource:{id}:{day}`) refuse a second charge whatever else happens.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from billing.metering.events import EventInput, Source
from billing.metering.record import usage_record
from billing.plans.models import Resource
from billing.plans.resources.days import DAY, day_of, largest, last_day, starts
from billing.plans.resources.kinds import billed

SOURCE = Source("resource")  # ids of our own, which no key's can block


class BillingFailed(Exception):
    """The next day of a resource could not be billed; nothing of it was written. The cause is chained."""

    def __init__(self, resource_id: int) -> None:
        super().__init__(f"the next day of resource {resource_id} could not be billed")
        self.resource_id = resource_id


def bill_one(*, now: datetime, leave_out: Sequence[int] = ()) -> bool:
    """Bill the next day of one resource that is due; False if none is, or others have them all.

    Raises BillingFailed.
    """
    with transaction.atomic():
        due = Resource.objects.filter(next_day__lte=day_of(now)).exclude(pk__in=leave_out)
        resource = due.select_for_update(no_key=True, skip_locked=True).order_by("next_day", "pk").first()
        if resource is None:
            return False
        try:
            with transaction.atomic():
                bill_next_day(resource, now=now)
        except Exception as error:
            raise BillingFailed(resource.pk) from error
    return True


def bill_what_began(resource: Resource, *, now: datetime) -> None:
    """After a change: the day that has begun, and what rose since that was billed. Days that were missed before are
    left to the job. The row is locked. Raises EventRejected when the charge does not fit the ledger.
    """
    if resource.next_day == day_of(now):
        bill_next_day(resource, now=now)
    elif resource.next_day is not None and resource.next_day > day_of(now):
        bill_rise(resource)


def bill_next_day(resource: Resource, *, now: datetime) -> None:
    """Bill `resource.next_day`, which has begun: what a past day had at most, or the present one so far."""
    day = resource.next_day
    if day is None or day > day_of(now):
        raise ValueError("no day of it is due")
    quantity = largest(_quantities(resource, day), day)
    _record(resource, day, quantity, number=1)
    resource.billed_quantity, resource.billed_events = quantity, 1
    resource.next_day = None if billed(resource.kind).one_time else next_day_after(resource, day)
    resource.save(update_fields=["billed_quantity", "billed_events", "next_day"])


def bill_rise(resource: Resource) -> None:
    """Bill what the day that is billed has more than it had then; nothing if it has not."""
    if resource.next_day is None:
        return
    day = resource.next_day - DAY
    rise = largest(_quantities(resource, day), day) - resource.billed_quantity
    if rise > 0:
        resource.billed_quantity += rise
        resource.billed_events += 1
        _record(resource, day, rise, number=resource.billed_events)
        resource.save(update_fields=["billed_quantity", "billed_events"])


def next_day_after(resource: Resource, day: date) -> date | None:
    """The day to be billed after `day`; None if it is over by then."""
    following = day + DAY
    over = resource.deleted_at is not None and following > last_day(resource.created_at, resource.deleted_at)
    return None if over else following


def _quantities(resource: Resource, day: date) -> list[tuple[datetime, Decimal]]:
    """What it had when `day` began and what changed during it: a history of years is not read for a day."""
    history = resource.quantities.order_by("at", "pk").values_list("at", "quantity")
    before = history.filter(at__lte=starts(day)).last()
    return [*([before] if before else []), *history.filter(at__gt=starts(day), at__lt=starts(day + DAY))]


def _record(resource: Resource, day: date, quantity: Decimal, *, number: int) -> None:
    """All of a day is priced as of the moment of it at which the resource was first there."""
    event_id = f"resource:{resource.pk}:{day.isoformat()}"
    event = EventInput(
        event_id=event_id if number == 1 else f"{event_id}:{number}",
        model="",
        usage={billed(resource.kind).meter: quantity},
        occurred_at=max(starts(day), resource.created_at),
        project=resource.project,
        metadata={"resource": resource.external_id, "kind": resource.kind, "day": day.isoformat()},
    )
    usage_record(workspace_id=resource.workspace_id, source=SOURCE, event=event)
