"""Usage per end user, from totals of its own: a series for each of them would be too many."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.metering.receipts import TOKEN_METERS
from billing.metering.selectors.group import Group
from billing.metering.selectors.totals import floor_hour


def end_user_groups(
    workspace_id: int, *, since: datetime, until: datetime, starts: Sequence[datetime] = ()
) -> list[Group]:
    """A group per end user and bucket, and one without a key for what named none: the rest of all usage."""
    bucket = "width_bucket(used.hour, %s::timestamptz[]) - 1" if starts else "0"
    hours = "used.workspace_id = %s AND used.hour >= %s AND used.hour < %s"
    # One statement, so that no request which is counted in between is in one part only.
    query = (
        f"SELECT named.name, {bucket}, sum(used.amount), sum(used.requests), sum(used.tokens), sum(used.quantity)"  # noqa: S608
        " FROM metering_enduserhour used JOIN metering_enduser named ON named.id = used.end_user_id"
        f" WHERE {hours} GROUP BY 1, 2 UNION ALL"
        f" SELECT NULL, {bucket}, sum(used.amount), sum(used.requests),"
        " coalesce(sum(used.quantity) FILTER (WHERE series.meter = ANY(%s)), 0), sum(used.quantity)"
        " FROM metering_hourusage used JOIN metering_series series ON series.id = used.series_id"
        f" WHERE {hours} GROUP BY 2"
    )
    buckets: list[Any] = [list(starts)] if starts else []
    within: list[Any] = [workspace_id, floor_hour(since), until]
    with connection.cursor() as cursor:
        cursor.execute(query, [*buckets, *within, *buckets, list(TOKEN_METERS), *within])
        rows = cursor.fetchall()
    found = [Group(row[0] or "", row[1], int(row[2]), int(row[3]), row[4], row[5]) for row in rows]
    named = [group for group in found if group.key]
    return named + _unnamed([group for group in found if not group.key], named)


def _unnamed(everything: Sequence[Group], found: Sequence[Group]) -> list[Group]:
    named: defaultdict[int, list[Group]] = defaultdict(list)
    for group in found:
        named[group.bucket].append(group)
    rest = [_less(whole, named[whole.bucket]) for whole in everything]
    return [group for group in rest if group.requests or group.nano]


def _less(whole: Group, parts: Sequence[Group]) -> Group:
    return Group(
        key="",
        bucket=whole.bucket,
        nano=whole.nano - sum(part.nano for part in parts),
        requests=whole.requests - sum(part.requests for part in parts),
        tokens=whole.tokens - sum((part.tokens for part in parts), Decimal(0)),
        quantity=whole.quantity - sum((part.quantity for part in parts), Decimal(0)),
    )
