"""What adding, changing or removing an add-on would do: the same decision for the preview and for doing it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger import selectors as ledger
from billing.plans.addons.errors import BeingCharged, NoSuchAddOn, NotCovered, PreviewOutdated, QuantityRefused
from billing.plans.addons.sums import period_around, pro_rata
from billing.plans.models import AddOn, PlanVersion, WorkspaceAddOn
from billing.plans.selectors import current_subscription

Kind = Literal["add", "more", "less", "remove", "keep"]
GOOD_FOR = timedelta(minutes=30)  # a preview
Status = WorkspaceAddOn.Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """From `before` to `quantity` pieces. Amounts are nano-credits: `charged` at once, for `at` to `ends`; `monthly`
    for every whole period afterwards. `effective_at` is when the pieces change: `at`, or the end of what is paid.
    """

    addon: AddOn
    kind: Kind
    before: int
    quantity: int
    at: datetime
    effective_at: datetime
    starts: datetime  # the period
    ends: datetime
    charged: int
    monthly: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    change: Change
    available: int  # nano-credits

    @property
    def sufficient(self) -> bool:
        return self.change.charged <= self.available

    @property
    def missing(self) -> int:
        return max(self.change.charged - self.available, 0)


def addon_preview(
    *, workspace: Workspace, addon_key: str, quantity: int, at: datetime | None = None, now: datetime | None = None
) -> Preview:
    """What `addon_set` with the same `at` would do. Writes nothing; raises what that raises, but NotEnoughCredits."""
    now = now or clock.now()
    addon = addon_named(addon_key)
    change = decide(addon, held_of(workspace.pk, addon), quantity, workspace_id=workspace.pk, at=at, now=now)
    return Preview(change=change, available=ledger.balance(workspace.pk, now).available)


def addon_named(key: str) -> AddOn:
    addon = AddOn.objects.filter(key=key).first()
    if addon is None:
        raise NoSuchAddOn
    return addon


def held_of(workspace_id: int, addon: AddOn, *, lock: bool = False) -> WorkspaceAddOn | None:
    """The one that has not ended."""
    found = WorkspaceAddOn.objects.filter(workspace_id=workspace_id, addon=addon, ended_at=None)
    return (found.select_for_update(of=("self",), no_key=True) if lock else found).first()


def plan_period(workspace_id: int, at: datetime, *, own_start: datetime) -> tuple[datetime, datetime]:
    """The period of the workspace's plan that `at` is in; without a plan counted from `own_start`."""
    subscription = current_subscription(workspace_id)
    if subscription is None:
        return period_around(own_start, at, calendar_months=False)
    months = subscription.version.periods == PlanVersion.Periods.CALENDAR
    return period_around(subscription.anchor, at, calendar_months=months)


def decide(
    addon: AddOn, held: WorkspaceAddOn | None, quantity: int, *, workspace_id: int, at: datetime | None, now: datetime
) -> Change:
    """Raises NoSuchAddOn, QuantityRefused, NotCovered, BeingCharged, PreviewOutdated (for `at`)."""
    if at is not None and not now - GOOD_FOR <= at <= now:
        raise PreviewOutdated
    at = at or now
    if held is None:
        if not addon.on_offer(now):
            raise NoSuchAddOn
        if quantity < 1:
            raise NoSuchAddOn("This workspace does not have the add-on. Nothing was changed.")
        _check_most(addon, quantity, now)
        starts, ends = plan_period(workspace_id, at, own_start=at)
        if ends <= now:
            raise PreviewOutdated
        monthly = addon.monthly_credits * quantity
        charged = pro_rata(monthly, starts=starts, ends=ends, since=at)
        return Change(
            addon=addon, kind="add", before=0, quantity=quantity, at=at, effective_at=at,
            starts=starts, ends=ends, charged=charged, monthly=monthly,
        )  # fmt: skip
    return _of_held(addon, held, quantity, at, now)


def _of_held(addon: AddOn, held: WorkspaceAddOn, quantity: int, at: datetime, now: datetime) -> Change:
    starts, ends, paid = held.period_starts_at, held.paid_until, held.status == Status.ACTIVE
    if paid and ends <= now:
        raise BeingCharged
    if paid and at < starts:
        raise PreviewOutdated
    charged, effective_at, kind = 0, at, _kind(held.quantity, quantity)
    if kind == "more":
        if not paid:
            raise NotCovered("The present period of this add-on is not covered by credits. Add credits first.")
        _check_most(addon, quantity, now)
        more = held.monthly_credits * (quantity - held.quantity)
        charged = pro_rata(more, starts=starts, ends=ends, since=at)
    elif paid and kind in ("less", "remove"):
        effective_at = ends  # what is paid stays
    return Change(
        addon=addon, kind=kind, before=held.quantity, quantity=quantity, at=at, effective_at=effective_at,
        starts=starts, ends=ends, charged=charged, monthly=held.monthly_credits * quantity,
    )  # fmt: skip


def _kind(before: int, quantity: int) -> Kind:
    if quantity == 0:
        return "remove"
    return "keep" if quantity == before else "more" if quantity > before else "less"


def _check_most(addon: AddOn, quantity: int, now: datetime) -> None:
    if not addon.on_offer(now):
        raise QuantityRefused(f"{addon.name} is not on offer any more. What you have of it stays.")
    if quantity > addon.most:
        raise QuantityRefused(f"A workspace may have {addon.most} of {addon.name} at most.")
