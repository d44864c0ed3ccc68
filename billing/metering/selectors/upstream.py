"""What usage cost the operator, for all workspaces together."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection

# Series first: they are many times fewer than hours, and only then is looked up what they say.
_BY_MODEL = """
SELECT used.workspace_id, series.provider, series.model, sum(used.amount), sum(used.upstream), sum(used.requests)
FROM (
    SELECT workspace_id, series_id, sum(amount) AS amount, sum(upstream) AS upstream, sum(requests) AS requests
    FROM metering_hourusage WHERE hour >= %s AND hour < %s GROUP BY 1, 2
) used JOIN metering_series series ON series.id = used.series_id
GROUP BY 1, 2, 3
"""
_TOTAL = """
SELECT coalesce(sum(upstream), 0), coalesce(sum(upstream) FILTER (WHERE hour >= %s), 0) FROM metering_hourusage
WHERE hour >= %s AND hour < %s
"""


class ModelUse(NamedTuple):
    """What a workspace used of a model: nano-credits charged (net of reversals), nano-USD paid upstream, requests. An
    empty provider and model are the platform's own meters.
    """

    workspace_id: int
    provider: str
    model: str
    amount: int
    upstream: int
    requests: int


def use_by_model(since: datetime, until: datetime) -> list[ModelUse]:
    """Of the hours (UTC) from `since` to before `until`, by workspace and model."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_MODEL, [since, until])
        return [ModelUse(*row[:3], *map(int, row[3:])) for row in cursor.fetchall()]


def upstream_since(earlier: datetime, later: datetime, until: datetime) -> tuple[int, int]:
    """Nano-USD paid for the hours from `earlier`, and for those from `later`, to before `until`."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTAL, [later, earlier, until])
        both = cursor.fetchone()
    return int(both[0]), int(both[1])
