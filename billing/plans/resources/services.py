"""What the operator's backend says of its resources. Saying it again changes nothing."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from accounts.models import Workspace
from billing.foundation import hostclock
from billing.plans.models import Resource, ResourceQuantity
from billing.plans.resources.billing import bill_what_began, next_day_after
from billing.plans.resources.cover import cover_check
from billing.plans.resources.days import DAY, day_of, starts
from billing.plans.resources.errors import ResourceConflict
from billing.plans.resources.kinds import billed

_TRIES = 3  # somebody else may make it, or end it, at the same moment


@dataclass(frozen=True)
class Wanted:
    """A resource as it is to be. `quantity` is above 0, in the unit of its kind: containers, GB, deployments."""

    kind: str
    quantity: Decimal
    name: str = ""
    project: str = ""


def resource_put(
    *, workspace: Workspace, external_id: str, wanted: Wanted, now: datetime | None = None
) -> tuple[Resource, bool]:
    """The resource as it is `wanted`, made or changed; and whether it was made. What began or rose is billed with it.

    Raises ResourceConflict, and EventRejected when the charge does not fit the ledger; nothing is changed then.
    """
    now = now or hostclock.present()
    for _ in range(_TRIES):
        with transaction.atomic():
            resource = _living(workspace, external_id)
            made = resource is None
            if resource is None:
                resource = _make(workspace, external_id, wanted, now)
                if resource is None:
                    continue
            elif not _change(resource, wanted, now):
                return resource, False
            bill_what_began(resource, now=now)
            cover_check(workspace.pk, now=now)
            return resource, made
    raise ResourceConflict("This resource is being made and deleted at the same time. Repeat the request.", "")


def resource_delete(*, workspace: Workspace, external_id: str, now: datetime | None = None) -> Resource | None:
    """End its life; the day is billed whole. Its latest life where it ended before; None where it never lived."""
    now = now or hostclock.present()
    with transaction.atomic():
        resource = _living(workspace, external_id)
        if resource is None:
            return Resource.objects.filter(workspace=workspace, external_id=external_id).order_by("-pk").first()
        resource.deleted_at = _stamp(resource, now)
        if resource.next_day is not None:  # days that were missed stay due
            resource.next_day = next_day_after(resource, resource.next_day - DAY)
        resource.save(update_fields=["deleted_at", "next_day"])
        cover_check(workspace.pk, now=now)
    return resource


def _living(workspace: Workspace, external_id: str) -> Resource | None:
    found = Resource.objects.filter(workspace=workspace, external_id=external_id, deleted_at=None)
    return found.select_for_update(no_key=True).first()


def _make(workspace: Workspace, external_id: str, wanted: Wanted, now: datetime) -> Resource | None:
    """None where somebody else was faster."""
    resource = Resource(
        workspace=workspace,
        external_id=external_id,
        kind=wanted.kind,
        quantity=wanted.quantity,
        name=wanted.name,
        project=wanted.project,
        created_at=now,
        next_day=day_of(now),
    )
    try:
        with transaction.atomic():
            resource.save(force_insert=True)
    except IntegrityError:
        return None
    ResourceQuantity.objects.create(resource=resource, at=now, quantity=wanted.quantity)
    return resource


def _change(resource: Resource, wanted: Wanted, now: datetime) -> bool:
    """Whether there was something to change. Raises ResourceConflict."""
    if wanted.kind != resource.kind:
        detail = f"This id stands for a {resource.kind} that was not deleted. Nothing was changed."
        raise ResourceConflict(detail, "kind")
    if wanted == Wanted(resource.kind, resource.quantity, resource.name, resource.project):
        return False
    if wanted.quantity != resource.quantity:
        if billed(resource.kind).one_time:
            detail = f"This {resource.kind} was billed when it was made. Use another id for another one."
            raise ResourceConflict(detail, "quantity")
        ResourceQuantity.objects.create(resource=resource, at=_stamp(resource, now), quantity=wanted.quantity)
    resource.quantity, resource.name, resource.project = wanted.quantity, wanted.name, wanted.project
    resource.save(update_fields=["quantity", "name", "project"])
    return True


def _stamp(resource: Resource, now: datetime) -> datetime:
    """`now`, but never before what was written of it: clocks of two machines differ a little, and a day that is billed
    is not entered from behind.
    """
    at = max(now, resource.created_at)
    if latest := resource.quantities.order_by("at", "pk").values_list("at", flat=True).last():
        at = max(at, latest)
    if resource.next_day is not None and resource.billed_events:
        at = max(at, starts(resource.next_day - DAY))
    return at
