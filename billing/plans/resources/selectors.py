"""Reading resources."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from billing.plans.models import Resource, ShutdownWarning
from billing.plans.resources.cost import Cover, Tariff, cover, lasts_until, tariff
from billing.plans.resources.cover import open_warning
from billing.plans.resources.days import DAY, day_of, last_day
from billing.plans.resources.kinds import DAILY, billed

State = Literal["running", "warned", "stopping", "done", "deleted"]
STATES: tuple[State, ...] = ("running", "warned", "stopping", "done", "deleted")


@dataclass(frozen=True)
class ResourceRow:
    """A resource as it is read. `daily_cost`: nano-credits of a day at present; None where no day is charged."""

    resource: Resource
    state: State
    shutdown_at: datetime | None  # until then the warning can be answered
    daily_cost: int | None
    billed_until: date | None  # the last day that is billed

    @property
    def quantity_text(self) -> str:
        return f"{self.resource.quantity.normalize():,f}"


@dataclass(frozen=True)
class Standing:
    """All that runs, and the warning that holds."""

    cover: Cover
    lasts_until: datetime | None  # see cost.lasts_until
    state: State
    warning: ShutdownWarning | None


def standing(workspace_id: int, now: datetime) -> Standing:
    warning = open_warning(workspace_id)
    found = cover(workspace_id, now)
    return Standing(found, lasts_until(found, now), _state_of(warning), warning)


def resource_named(workspace_id: int, external_id: str) -> Resource | None:
    """The one that lives, else the latest life."""
    return Resource.objects.filter(workspace_id=workspace_id, external_id=external_id).order_by("-pk").first()


def resource_page(
    workspace_id: int, *, state: State | None = None, before: int | None = None, limit: int
) -> list[Resource]:
    """Latest first; without `state` all that were not deleted."""
    found = Resource.objects.filter(workspace_id=workspace_id, deleted_at__isnull=state != "deleted")
    if state == "done":
        found = found.exclude(kind__in=DAILY)
    elif state in ("running", "warned", "stopping"):
        if _state_of(open_warning(workspace_id)) != state:
            return []
        found = found.filter(kind__in=DAILY)
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found.order_by("-pk")[:limit])


def rows(workspace_id: int, resources: list[Resource], now: datetime) -> list[ResourceRow]:
    """As they are read at `now`."""
    warning = open_warning(workspace_id)
    prices = tariff(workspace_id, now)
    costs: dict[tuple[str, Decimal], int] = {}
    return [_row(each, warning, prices, costs) for each in resources]


def _row(
    resource: Resource, warning: ShutdownWarning | None, prices: Tariff, costs: dict[tuple[str, Decimal], int]
) -> ResourceRow:
    how = billed(resource.kind)
    state: State = _state_of(warning)
    if resource.deleted_at is not None:
        state = "deleted"
    elif how.one_time:
        state = "done"
    cost = None
    if state not in ("deleted", "done"):
        key = how.meter, resource.quantity
        cost = costs[key] = costs[key] if key in costs else prices.cost({how.meter: resource.quantity})
    return ResourceRow(
        resource=resource,
        state=state,
        shutdown_at=warning.shutdown_at if warning and state in ("warned", "stopping") else None,
        daily_cost=cost,
        billed_until=_billed_until(resource),
    )


def _billed_until(resource: Resource) -> date | None:
    if not resource.billed_events:
        return None
    if resource.next_day is not None:
        return resource.next_day - DAY
    if resource.deleted_at is None or billed(resource.kind).one_time:
        return day_of(resource.created_at)
    return last_day(resource.created_at, resource.deleted_at)


def _state_of(warning: ShutdownWarning | None) -> Literal["running", "warned", "stopping"]:
    if warning is None:
        return "running"
    return "warned" if warning.stopping_at is None else "stopping"


def workspaces_to_cover() -> Iterator[int]:
    """Those with something that runs, or with a warning that holds."""
    living = Resource.objects.filter(deleted_at=None, kind__in=DAILY).values("workspace_id")
    warned = ShutdownWarning.objects.filter(ended_at=None).values("workspace_id")
    yield from living.union(warned).values_list("workspace_id", flat=True)
