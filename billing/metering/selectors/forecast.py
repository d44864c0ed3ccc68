"""How long the balance lasts: what a request costs, requests left, days of runway."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from django.db import connection

from billing.credits import clock
from billing.metering.runway import WEEK, WEEKS, Pattern, Runway, lasts, pattern
from billing.metering.selectors.totals import floor_hour, spent

WINDOW = timedelta(days=7)
SAMPLE = 1_000  # the latest events of the window, found by index
DAY_SECONDS = 86_400

_MEDIAN_SQL = (
    "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY amount) FROM ("
    " SELECT id, amount FROM metering_usageevent WHERE workspace_id = %s AND occurred_at >= %s AND occurred_at <= %s"
    " ORDER BY occurred_at DESC, id DESC LIMIT %s) latest WHERE amount > 0"
    " AND NOT EXISTS (SELECT 1 FROM metering_eventreversal reversal WHERE reversal.event_id = latest.id)"
)


def median_request_cost(workspace_id: int, now: datetime | None = None) -> int | None:
    """Nano-credits of the middle charged request of the last 7 days; None without one. Those that were free, or given
    back, do not count.
    """
    now = now or clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_MEDIAN_SQL, [workspace_id, now - WINDOW, now, SAMPLE])
        row = cursor.fetchone()
    return int(row[0]) if row and row[0] is not None else None


def requests_left(*, available: int, median: int | None) -> int | None:
    """How many median requests the balance covers; None when nobody knows what one costs."""
    return max(available, 0) // median if median else None


def average_daily_spend(workspace_id: int, now: datetime | None = None) -> Decimal:
    """Nano-credits a day over the last 7 days, or since the first usage when that is less than 7 days ago."""
    now = now or clock.now()
    since = floor_hour(now - WINDOW)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(hour) FROM metering_hourtotal WHERE workspace_id = %s AND hour >= %s AND amount > 0",
            [workspace_id, since - WINDOW],
        )
        (first,) = cursor.fetchone() or (None,)
    if first is None:
        return Decimal(0)
    start = max(first, since)
    seconds = max((now - start).total_seconds(), DAY_SECONDS)
    return Decimal(spent(workspace_id, start, now).nano) * DAY_SECONDS / Decimal(str(seconds))


_PAST_SQL = """
SELECT greatest(ceil(extract(epoch FROM %s - hour) / 86400)::int - 1, 0), sum(amount)::bigint, min(hour)
FROM metering_hourtotal WHERE workspace_id = %s AND hour >= %s AND hour <= %s AND amount > 0 GROUP BY 1
"""


def runway(workspace_id: int, *, available: int, now: datetime | None = None) -> Runway | None:
    """How long `available` lasts by the pattern of the last four weeks, with its weekdays; None where nothing was spent
    in the last 7 days. One query of at most 28 rows.
    """
    found = spending_pattern(workspace_id, now)
    return lasts(max(available, 0), found) if found else None


def spending_pattern(workspace_id: int, now: datetime | None = None) -> Pattern | None:
    now = now or clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_PAST_SQL, [now, workspace_id, now - timedelta(days=WEEK * WEEKS), now])
        rows = cursor.fetchall()
    if not rows:
        return None
    past = [0] * (WEEK * WEEKS)
    for day, nano, _ in rows:
        past[day] = nano
    seconds = (now - min(first for _, _, first in rows)).total_seconds()
    return pattern(past, max(Fraction(seconds) / DAY_SECONDS, Fraction(1)))


def runway_days(workspace_id: int, *, available: int, now: datetime | None = None) -> Decimal | None:
    """The most likely number of `runway`."""
    found = runway(workspace_id, available=available, now=now)
    return found.days if found else None
