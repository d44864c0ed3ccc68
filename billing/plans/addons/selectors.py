"""Reading add-ons."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.selectors import moved
from billing.metering.selectors import days
from billing.plans.addons.paying import KIND
from billing.plans.models import AddOn, WorkspaceAddOn

Status = WorkspaceAddOn.Status
INSTANT = timedelta(microseconds=1)  # what was stamped now counts


@dataclass(frozen=True, slots=True)
class Offer:
    """An add-on as a workspace sees it: what is on offer, and what it has, at the price it has it for."""

    addon: AddOn
    held: WorkspaceAddOn | None

    @property
    def name(self) -> str:
        return self.held.name if self.held else self.addon.name

    @property
    def price(self) -> int:
        """Nano-credits a piece and month."""
        return self.held.monthly_credits if self.held else self.addon.monthly_credits

    @property
    def concurrency(self) -> int:
        return self.held.concurrency if self.held else self.addon.concurrency

    @property
    def feature(self) -> str:
        return self.held.feature if self.held else self.addon.feature

    @property
    def counted(self) -> bool:
        """Whether there can be more than one piece."""
        return self.most > 1

    @property
    def most(self) -> int:
        """How many pieces can be chosen."""
        held = self.held.quantity if self.held else 0
        return max(self.addon.most, held) if self.addon.on_offer(clock.now()) else held

    @property
    def ends(self) -> bool:
        return self.held is not None and self.held.next_quantity == 0


def offers(workspace: Workspace) -> list[Offer]:
    """All that are on offer, and those that the workspace has, in the operator's order."""
    held = {row.addon_id: row for row in WorkspaceAddOn.objects.filter(workspace=workspace, ended_at=None)}
    found, now = AddOn.objects.all(), clock.now()
    return [Offer(addon, held.get(addon.pk)) for addon in found if addon.on_offer(now) or addon.pk in held]


def offer_named(workspace: Workspace, key: str) -> Offer | None:
    return next((offer for offer in offers(workspace) if offer.addon.key == key), None)


def monthly_of(workspace: Workspace) -> int:
    """Nano-credits that the add-ons of a workspace take in a whole period, with what is to change at its end."""
    rows = WorkspaceAddOn.objects.filter(workspace=workspace, ended_at=None)
    return sum(row.monthly_credits * _later(row) for row in rows)


@dataclass(frozen=True, slots=True)
class Took:
    """Nano-credits that add-ons took, today and this month in the workspace's time zone. They are spent like those of
    requests, and in no total of usage.
    """

    today: int
    month: int


def took(workspace: Workspace, now: datetime) -> Took:
    tz = days.zone(workspace.time_zone)
    today = days.local_day(now, tz)
    day, month = days.starts(today, tz), days.starts(days.month_of(today), tz)
    until = now + INSTANT
    this_month = moved(workspace.pk, KIND, month, until)
    return Took(moved(workspace.pk, KIND, day, until) if this_month else 0, this_month)


def _later(row: WorkspaceAddOn) -> int:
    return row.quantity if row.next_quantity is None else row.next_quantity


def next_charge(rows: list[Offer], now: datetime) -> tuple[datetime, int] | None:
    """When credits are deducted next, and how many nano-credits for whole periods that begin then."""
    paid = [offer.held for offer in rows if offer.held and offer.held.status == Status.ACTIVE and not offer.ends]
    ahead = [row for row in paid if row.paid_until > now]
    if not ahead:
        return None
    first = min(row.paid_until for row in ahead)
    return first, sum(row.monthly_credits * _later(row) for row in ahead if row.paid_until == first)
