"""How workspaces stand, many in one statement and one snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from django.db import connection

from accounts.models import Workspace
from billing.alerts.usage.engine import MONEY, Facts, Target
from billing.ledger.models import OF_REQUESTS
from billing.ledger.selectors import balance
from billing.ledger.state import State, balance_state
from billing.metering.selectors.days import month_of, next_month, zone
from billing.plans.addons.paying import KIND
from billing.plans.models import Subscription
from billing.plans.schedules import schedule_of

# What add-ons took is in no total of usage; it is found by the index of what did not come with requests.
_ADDONS = """(
    SELECT coalesce(sum(t.amount), 0) FROM ledger_transfer t
    WHERE t.workspace_id = asked.id AND t.kind = '{kind}' AND NOT (t.kind IN ({others}))
        AND t.created_at >= asked.{since}
)""".replace("{kind}", KIND).replace("{others}", ", ".join(f"'{kind}'" for kind in OF_REQUESTS))
_USED = """(
    SELECT coalesce(sum(h.amount), 0) FROM metering_hourtotal h
    WHERE h.workspace_id = asked.id AND h.hour >= date_trunc('hour', asked.{since})
)"""
_SQL = f"""
SELECT asked.id, w.available, w.held, w.debt, w.overdraft_limit, w.low_bound, w.granted_any,
    w.next_due_at,
    (
        SELECT coalesce(sum(l.amount), 0) FROM ledger_lot l
        WHERE l.workspace_id = asked.id AND l.source <> 'bought' AND l.effective_at >= asked.since
            AND l.effective_at <= %s AND NOT EXISTS (SELECT 1 FROM ledger_lotextension WHERE into_id = l.id)
    )::bigint,
    (
        SELECT coalesce(sum(l.amount), 0) FROM ledger_lot l
        WHERE l.workspace_id = asked.id AND l.source = 'plan' AND l.effective_at >= asked.since
            AND l.effective_at <= %s AND NOT EXISTS (SELECT 1 FROM ledger_lotextension WHERE into_id = l.id)
    )::bigint,
    ({_USED.format(since="since")} + {_ADDONS.format(since="since")})::bigint,
    ({_USED.format(since="month")} + {_ADDONS.format(since="month")})::bigint,
    (SELECT min(l.effective_at) FROM ledger_lot l WHERE l.workspace_id = asked.id AND l.open AND l.scheduled)
FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) asked(id, since, month)
JOIN ledger_wallet w ON w.workspace_id = asked.id
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Period:
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Stands:
    """Amounts are nano-credits. `next_start`: when credits that wait for their time come in."""

    facts: Facts
    base: int  # what the plan granted for the period; without such, all that was granted. With another it begins anew
    available: int
    held: int
    debt: int
    low_bound: int
    state: State
    is_new: bool  # it never had credits
    period: Period
    month: Period
    next_start: datetime | None

    @property
    def there(self) -> int:
        return self.available + self.held

    def key(self, target: Target) -> str:
        """A sum of money is told once a month, a share once for the plan's credits of the period: a gift, which makes
        the whole larger, does not begin it anew.
        """
        if target.alert == MONEY:
            return f"{self.month.start.isoformat()}:{target.amount}"
        return f"{self.period.start.isoformat()}:{self.base}"


def stands(workspaces: Sequence[Workspace], now: datetime) -> dict[int, Stands]:
    """By workspace; those without a wallet are left out. Two queries, whatever their number."""
    periods = _periods(workspaces, now)
    months = {each.pk: month_at(each, now) for each in workspaces}
    ids = [each.pk for each in workspaces]
    since, month = [periods[pk].start for pk in ids], [months[pk].start for pk in ids]
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [now, now, ids, since, month])
        rows = cursor.fetchall()
    found = {}
    for pk, available, held, debt, limit, low, any_, due_at, granted, planned, spent, monthly, start in rows:
        if due_at is not None and due_at <= now:  # something fell due that nobody has posted yet
            exact = balance(pk, now)
            available, held, debt = exact.available, exact.held, exact.debt
        # As if what is on hold were back: a request that is running is no reason to tell people anything.
        state = balance_state(
            available=available + held,
            held=0,
            debt=debt,
            overdraft_limit=limit,
            overdraft_held=0,
            low_bound=low,
            granted_any=any_,
        )
        found[pk] = Stands(
            facts=Facts(available + held - debt, spent, granted, monthly),
            base=planned or granted,
            available=available,
            held=held,
            debt=debt,
            low_bound=low,
            state=state,
            is_new=state == "stopped" and not any_,
            period=periods[pk],
            month=months[pk],
            next_start=start,
        )
    return found


def month_at(workspace: Workspace, now: datetime) -> Period:
    """The calendar month in its time zone."""
    tz = zone(workspace.time_zone)
    first = month_of(now.astimezone(tz).date())
    start, end = (datetime.combine(day, time(), tz).astimezone(UTC) for day in (first, next_month(first)))
    return Period(start, end)


def _periods(workspaces: Sequence[Workspace], now: datetime) -> dict[int, Period]:
    """The running periods of the subscriptions; without one, the calendar month."""
    found = {each.pk: month_at(each, now) for each in workspaces}
    running = Subscription.objects.filter(workspace__in=workspaces, ended_at=None)
    for subscription in running.select_related("version"):
        schedule = schedule_of(subscription)
        period = schedule.at(now)
        found[subscription.workspace_id] = Period(schedule.start(period), schedule.end(period))
    return found
