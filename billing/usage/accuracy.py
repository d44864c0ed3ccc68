"""How well holds fitted what the requests then cost."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from django.db import connection

from billing.credits import clock

By = Literal["model", "task", "basis"]
WINDOW = timedelta(days=30)
LATEST = 10_000  # holds that are looked at, so that the work is bounded

_KEYS = {
    "model": "CASE WHEN model = '' THEN provider ELSE provider || '/' || model END",
    "task": "task",
    "basis": "basis",
}

# An unrated event has no cost yet and tells nothing; a hold of nothing has no share of itself.
_SQL = """
SELECT grouping(key), coalesce(key, ''), count(*), count(event), count(*) FILTER (WHERE kind = 'release'),
    count(*) FILTER (WHERE over AND event IS NULL),
    count(*) FILTER (WHERE kind IS NULL AND NOT over),
    count(charge), count(*) FILTER (WHERE charge <= amount),
    percentile_disc(0.5) WITHIN GROUP (ORDER BY share), percentile_disc(0.95) WITHIN GROUP (ORDER BY share)
FROM (
    SELECT asked.key, h.amount, r.kind, e.id AS event, priced.charge,
        round(100 * priced.charge::numeric / nullif(h.amount, 0), 4) AS share,
        r.kind IS NOT DISTINCT FROM 'expire' OR h.open_until <= %s AS over
    FROM (
        SELECT operation_id, amount, open_until, created_at FROM ledger_hold
        WHERE workspace_id = %s ORDER BY operation_id DESC LIMIT %s
    ) h
    JOIN (SELECT hold_id, {key} AS key FROM usage_authorization) asked ON asked.hold_id = h.operation_id
    LEFT JOIN ledger_holdresolution r ON r.hold_id = h.operation_id
    LEFT JOIN metering_usageevent e ON e.hold_id = h.operation_id
    CROSS JOIN LATERAL (SELECT CASE WHEN e.problem = '' THEN e.amount END AS charge) priced
    WHERE h.created_at >= %s
) fitted
GROUP BY GROUPING SETS ((key), ()) ORDER BY grouping(key) DESC, count(*) DESC, key
"""


@dataclass(frozen=True)
class Fit:
    """Holds with one thing in common, and what became of them. Percentages are of what was held."""

    key: str  # the model, task or basis; empty for all together
    holds: int
    settled: int  # a request was charged, also after the hold had expired
    released: int
    expired: int  # and nothing was charged
    open: int
    compared: int  # settled, and the usage has a price
    covered: int  # of those: cost no more than was held
    median_percent: Decimal | None  # charge ÷ hold of the middle one
    p95_percent: Decimal | None

    @property
    def covered_percent(self) -> Decimal | None:
        """Share of the settled ones that cost no more than was held."""
        return round(Decimal(100 * self.covered) / self.compared, 4) if self.compared else None


@dataclass(frozen=True)
class Accuracy:
    """All holds of the time together, and by what was asked for, those with the most holds first."""

    since: datetime
    total: Fit
    rows: list[Fit]


def estimate_accuracy(
    workspace_id: int, *, since: datetime | None = None, by: By = "model", now: datetime | None = None
) -> Accuracy:
    """How the holds placed since then (default 30 days ago; the latest 10,000) compare with what was charged."""
    at = now or clock.now()
    since = since or at - WINDOW
    with connection.cursor() as cursor:
        cursor.execute(_SQL.format(key=_KEYS[by]), [at, workspace_id, LATEST, since])
        (_, *total), *rows = cursor.fetchall()
    return Accuracy(since, Fit(*total), [Fit(*row) for _, *row in rows])
