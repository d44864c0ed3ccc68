"""The balance strip: what is there, from which sources, how long it lasts, how many requests it covers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.format import credits_text
from billing.foundation.site.selectors import site
from billing.ledger.selectors import Balance, LotRow, balance, lots
from billing.metering.lasting import days_text, range_text
from billing.metering.selectors.forecast import median_request_cost, requests_left, runway
from billing.metering.selectors.included import Included, allowances
from billing.metering.selectors.totals import TodayAndMonth, today_and_month
from billing.overview.words import SOURCES
from billing.plans.addons.selectors import Took, took
from billing.plans.limits import limits_for

SOON = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class MixPart:
    """Credits of one source, or on hold, in the bar; `x` and `width` in percent of it."""

    source: str
    label: str
    x: str
    width: str


@dataclass(frozen=True, kw_only=True)
class Runway:
    text: str
    around: str  # the range; empty where it says no more
    per_day: int  # nano-credits


@dataclass(frozen=True, kw_only=True)
class BalanceCard:
    """Everything the strip, the banner and the lots beside the chart say. Amounts are nano-credits."""

    balance: Balance
    state: str  # healthy, low, stopped, new
    unit: str
    unit_plural: str
    usd_per_credit: Decimal
    whole: str
    decimals: str
    full: int  # what the bar's whole length stands for
    mix: tuple[MixPart, ...]
    bound_x: str  # where the alert's tick is, empty without one
    runway: Runway | None
    average: int | None
    requests_left: int | None
    spent: TodayAndMonth
    add_ons: Took
    weekday_change: int | None  # percent against the same weekday
    lots: tuple[LotRow, ...]
    allowances: tuple[Included, ...]
    plan_name: str
    now: datetime

    @property
    def expiring(self) -> LotRow | None:
        """The lot that will be gone next, when that is within a week."""
        soon = [lot for lot in self.lots if lot.expires_at and lot.expires_at < self.now + SOON and lot.remaining]
        return soon[0] if soon else None

    @property
    def spent_today(self) -> int:
        """With what add-ons took, as in the ledger."""
        return self.spent.today + self.add_ons.today

    @property
    def spent_this_month(self) -> int:
        """With what add-ons took, as in the ledger."""
        return self.spent.month + self.add_ons.month

    @property
    def in_all(self) -> int:
        """What is in the open lots, on hold or not."""
        return self.balance.available + self.balance.held

    @property
    def mark(self) -> str:
        """Changes whenever something on the strip that is not a clock changes."""
        return mark_of(self.balance)


def shown_state(found: Balance) -> str:
    """Like the API's, but a workspace that never had credits nor used any beyond is "new" rather than stopped."""
    return "new" if not found.granted_any and not found.debt else found.state


def mark_of(found: Balance) -> str:
    return f"{found.seq}-{shown_state(found)}-{found.available}"


def balance_card(workspace: Workspace, *, now: datetime | None = None) -> BalanceCard:
    """Read everything for one workspace at one instant."""
    now = now or clock.now()
    settings, found = site(), balance(workspace.pk, now)
    open_lots = tuple(lot for lot in lots(workspace.pk, now) if lot.status in ("next", "active"))
    median = median_request_cost(workspace.pk, now)
    spent, add_ons = today_and_month(workspace, now), took(workspace, now)
    whole, _, decimals = credits_text(found.available).partition(".")
    full = max(sum(lot.amount for lot in open_lots), found.low_bound * 2, 1)
    return BalanceCard(
        balance=found,
        state=shown_state(found),
        unit=settings.credit_name,
        unit_plural=settings.credit_name_plural,
        usd_per_credit=settings.usd_per_credit,
        whole=whole,
        decimals=decimals,
        full=full,
        mix=_mix(open_lots, full),
        bound_x=_percent(found.low_bound, full) if found.low_bound else "",
        runway=_runway(workspace, found.available, now),
        average=median,
        requests_left=requests_left(available=found.available, median=median),
        spent=spent,
        add_ons=add_ons,
        weekday_change=_change(spent.requests_today, spent.weekday_requests),
        lots=open_lots,
        allowances=tuple(allowances(workspace.pk, now)),
        plan_name=limits_for(workspace.pk).plan_name,
        now=now,
    )


def _mix(open_lots: Sequence[LotRow], full: int) -> tuple[MixPart, ...]:
    parts, left = [], 0
    for source in ("promotion", "plan", "bought"):
        amount = sum(lot.remaining - lot.held for lot in open_lots if lot.source == source)
        if amount:
            parts.append(
                MixPart(source=source, label=SOURCES[source], x=_percent(left, full), width=_percent(amount, full))
            )
            left += amount
    if held := sum(lot.held for lot in open_lots):
        parts.append(MixPart(source="held", label="On hold", x=_percent(left, full), width=_percent(held, full)))
    return tuple(parts)


def _percent(part: int, whole: int) -> str:
    return f"{Decimal(100) * part / whole:.2f}%"


def _runway(workspace: Workspace, available: int, now: datetime) -> Runway | None:
    found = runway(workspace.pk, available=available, now=now)
    if found is None:
        return None
    return Runway(text=days_text(found.days), around=range_text(found), per_day=found.per_day)


def _change(today: int, week_ago: int) -> int | None:
    return round(100 * (today - week_ago) / week_ago) if week_ago else None
