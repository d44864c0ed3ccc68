"""Looking at balances and usage, and telling what is new: once, whoever looks first.

The ledger says after its commit that a bound was crossed, where a process may die: a hint to look, like the news that
credits came in. What was told is rows, under one lock per workspace, and a job finds what nobody was told of.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from billing.alerts.usage.engine import MONEY, Target, bound, targets
from billing.alerts.usage.facts import Stands, stands
from billing.alerts.usage.models import AlertSettings, UsageAlert, UsageWatch
from billing.alerts.usage.telling import Fired, tell
from billing.alerts.usage.words import state_line, target_line
from billing.alerts.webhooks.balances import change_tell, told_locked
from billing.alerts.webhooks.models import WebhookBalance
from billing.credits import clock
from billing.foundation.site.selectors import site
from billing.ledger.records import Crossing
from billing.ledger.services import alert_bounds_set
from billing.packs.autotopup.sizing import nano_per_cent
from billing.plans.granted import told_later

AT_ONCE = 50  # workspaces whose rows are locked together
AGAIN = 3  # looks at those that spend faster than one can look; then the job does
AT_LEAST = timedelta(days=1)  # between looks by the clock, whatever happens

# Balances that are not as was told last, and levels below their bound: by the wallets' rows alone, in one pass.
_DIFFERENT = """
SELECT w.workspace_id FROM ledger_wallet w LEFT JOIN alerts_webhookbalance t USING (workspace_id)
WHERE w.granted_any AND coalesce(t.state, 'healthy') <> CASE
    WHEN w.stopped_at IS NOT NULL AND w.held = 0 AND w.overdraft_held = 0 THEN 'stopped'
    WHEN w.available + w.held < w.low_bound THEN 'low' ELSE 'healthy' END
    OR w.available + w.held - w.debt < w.alert_bound
ORDER BY w.workspace_id LIMIT %s
"""
# Where the clock says so, where credits came in after the last look, and wallets that nobody has looked at yet.
_STALE = """
(SELECT workspace_id FROM alerts_usagewatch WHERE look_at <= %s ORDER BY look_at LIMIT %s)
UNION
(SELECT l.workspace_id FROM ledger_lot l JOIN alerts_usagewatch w USING (workspace_id)
    WHERE l.id > (SELECT coalesce(max(lot_id), 0) FROM alerts_webhookwatch)
        AND l.created_at > w.looked_at - interval '10 seconds' LIMIT %s)
UNION
(SELECT w.workspace_id FROM ledger_wallet w WHERE w.granted_any AND NOT EXISTS (
    SELECT 1 FROM alerts_usagewatch u WHERE u.workspace_id = w.workspace_id) LIMIT %s)
"""


def balance_crossed(crossing: Crossing) -> None:
    """Subscriber of the ledger's `balance_crossed`. What rises in a batch of grants is looked at together, after it."""
    if not (told_later() and crossing.before == "stopped"):
        look([crossing.workspace_id])


def bound_crossed(workspace_id: int) -> None:
    """Subscriber of the ledger's `alert_bound_crossed`."""
    look([workspace_id])


def credits_came(workspace_ids: Sequence[int]) -> None:
    """Subscriber of `credits_came_in`."""
    look(workspace_ids)


def balance_look(workspace_id: int) -> bool:
    """Whether something was told."""
    return look([workspace_id]) > 0


def balances_look(*, now: datetime, limit: int) -> int:
    """Look at up to `limit` of those that are not as was told last, or may be by the clock; how many were told."""
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENT, [limit])
        found = {pk for (pk,) in cursor.fetchall()}
        cursor.execute(_STALE, [now, limit, limit, limit])
        found |= {pk for (pk,) in cursor.fetchall()}
    return look(sorted(found)[:limit])


def look(workspace_ids: Sequence[int], *, quiet: bool = False) -> int:
    """Tell what is new of these workspaces, and keep on their wallets the balance at which the next alert is due; of
    how many something was told. `quiet`: what is reached already is written down and not told.
    """
    told, ids = 0, sorted(set(workspace_ids))
    for first in range(0, len(ids), AT_ONCE):
        some: Sequence[int] = ids[first : first + AT_ONCE]
        for _ in range(AGAIN):
            done, some = _look(some, quiet=quiet)
            told += done
            if not some:
                break
    return told


@transaction.atomic
def _look(workspace_ids: Sequence[int], *, quiet: bool) -> tuple[int, list[int]]:
    """How many were told, and who has spent beyond the new bound meanwhile."""
    rows = told_locked(workspace_ids)
    now = clock.now()  # after the lock, as all that is read
    found = stands([row.workspace for row in rows], now)
    wanted = AlertSettings.objects.in_bulk(list(found))
    watches = UsageWatch.objects.in_bulk(list(found))
    told, bounds, seen = 0, {}, []
    for row in rows:
        if row.pk not in found or found[row.pk].is_new:
            continue
        here, choice = found[row.pk], wanted.get(row.pk) or AlertSettings(workspace=row.workspace)
        month = None if choice.month_cents is None else choice.month_cents * nano_per_cent(site().usd_per_credit)
        aims = targets(here.facts, choice.percents, month)
        fired = _state(row, here) + _reached(row, here, aims, watches.get(row.pk), quiet)
        told += tell(row.workspace, here, fired, now=now)
        bounds[row.pk] = bound(here.facts.level, aims)
        seen.append(_watch(row.pk, here, now))
    UsageWatch.objects.bulk_create(
        seen,
        update_conflicts=True,
        unique_fields=["workspace"],
        update_fields=["granted", "period_start", "looked_at", "look_at"],
    )
    return told, alert_bounds_set(bounds) if bounds else []


def _state(row: WebhookBalance, here: Stands) -> list[Fired]:
    """The change of the balance's state, if it is another than was told."""
    if here.state == row.state:
        return []
    before = row.state
    change_tell(
        row,
        state=here.state,
        available=here.available,
        held=here.held,
        debt=here.debt,
        low_bound=here.low_bound,
    )
    if here.state == "healthy" or (before, here.state) == ("stopped", "low"):
        return [Fired("recovered", str(row.changes), 0, 0, "", quiet=True)]
    return [Fired(here.state, str(row.changes), here.low_bound, 0, state_line(here.state, here), quiet=False)]


def _reached(
    row: WebhookBalance, here: Stands, aims: Sequence[Target], watch: UsageWatch | None, quiet: bool
) -> list[Fired]:
    """What is reached and not written down. Of shares that are reached together the highest is told. When the plan's
    credits for the period become others it begins anew; what is used beyond that at that moment was told already.
    """
    reached = [each for each in aims if each.reached]
    if not reached:
        return []
    keys = {each.alert: here.key(each) for each in reached}
    known = set(UsageAlert.objects.filter(workspace=row.pk, key__in=keys.values()).values_list("alert", "key"))
    fresh = [each for each in reached if (each.alert, keys[each.alert]) not in known]
    shares = [each for each in fresh if each.alert != MONEY]
    rose = watch is not None and watch.period_start == here.period.start and watch.granted != here.base

    def is_quiet(each: Target) -> bool:
        if quiet or each.alert == MONEY:
            return quiet
        return each is not shares[-1] or (rose and _told_before(row, each, here))

    return [
        Fired(each.alert, keys[each.alert], each.amount, each.used, target_line(each), quiet=is_quiet(each))
        for each in fresh
    ]


def _told_before(row: WebhookBalance, target: Target, here: Stands) -> bool:
    return UsageAlert.objects.filter(
        workspace=row.pk, alert=target.alert, key__startswith=here.period.start.isoformat()
    ).exists()


def _watch(pk: int, here: Stands, now: datetime) -> UsageWatch:
    instants = [here.period.end, here.month.end, now + AT_LEAST, *([here.next_start] if here.next_start else [])]
    return UsageWatch(
        workspace_id=pk,
        granted=here.base,
        period_start=here.period.start,
        looked_at=now,
        look_at=max(min(instants), now + timedelta(minutes=1)),
    )
