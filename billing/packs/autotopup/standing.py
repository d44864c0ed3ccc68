"""Reading automatic top-ups: what is set, and how it stands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import QuerySet

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.site.selectors import site
from billing.ledger.selectors import balance
from billing.packs.autotopup.models import AutoTopUp, TopUp, TopUpConsent
from billing.packs.autotopup.periods import charged
from billing.packs.autotopup.sizing import Charged, nano_per_cent
from billing.packs.autotopup.words import preview
from billing.packs.models import Purchase
from billing.packs.selectors import in_flight

DEFAULT_CENTS, DEFAULT_DAY, DEFAULT_MONTH = 1_000, 5_000, 10_000
DEFAULT_THRESHOLD = 100 * NANO
State = Literal["off", "on", "pending", "back_off", "confirmation", "day", "month", "paused"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    row: AutoTopUp
    consent: TopUpConsent | None  # in force
    charged: Charged
    balance: int  # nano-credits; owed ones count against it
    pending: Purchase | None
    state: State
    sentence: str
    at: datetime


def settings_of(workspace: Workspace) -> AutoTopUp:
    """What is set; the defaults, not saved, where nothing is."""
    found = AutoTopUp.objects.select_related("workspace", "consent").filter(pk=workspace.pk).first()
    return found or AutoTopUp(
        workspace=workspace,
        threshold=DEFAULT_THRESHOLD,
        amount=DEFAULT_CENTS * nano_per_cent(site().usd_per_credit),
        day_cap=DEFAULT_DAY,
        month_cap=DEFAULT_MONTH,
    )


def settings_with(workspace: Workspace, method: str) -> AutoTopUp | None:
    """What is set, where it was agreed on with this card; also while it is off."""
    return AutoTopUp.objects.filter(pk=workspace.pk, consent__method=method).first()


def level(workspace_id: int, now: datetime) -> int:
    """Nano-credits that top-ups look at: what is there, on hold or not, less what is owed."""
    found = balance(workspace_id, now)
    return found.available + found.held - found.debt


def on_its_way(workspace_id: int) -> Purchase | None:
    return in_flight(workspace_id).filter(automatic=True).select_related("top_up").first()


def standing(workspace: Workspace) -> Standing:
    now, row = clock.now(), settings_of(workspace)
    spent, there, pending = charged(workspace, now), level(workspace.pk, now), on_its_way(workspace.pk)
    return Standing(
        row=row,
        consent=row.consent,
        charged=spent,
        balance=there,
        pending=pending,
        state=_state(row, pending, now),
        sentence=preview(row.terms, spent, there, on=row.enabled),
        at=now,
    )


def _state(row: AutoTopUp, pending: Purchase | None, now: datetime) -> State:
    if pending is not None:
        return "confirmation" if pending.top_up.outcome == TopUp.Outcome.CONFIRMATION else "pending"
    if not row.enabled:
        return "off"
    if row.paused_at is not None:
        return "paused"
    if row.not_before is not None and row.not_before > now and row.waits_for:
        waits: State = row.waits_for  # type: ignore[assignment]
        return waits
    return "on"


def history(workspace: Workspace) -> QuerySet[TopUp]:
    """Automatic charges, latest first."""
    rows = TopUp.objects.filter(purchase__workspace=workspace, purchase__automatic=True)
    return rows.select_related("purchase__document", "consent").order_by("-pk")
