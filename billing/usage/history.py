"""What a workspace's requests to a model usually look like: from hourly totals, or from its latest requests."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple, TypeVar

from django.db import connection

from billing.credits import clock
from billing.credits.units import AmountOutOfRange
from billing.foundation.cache import TimedCache
from billing.foundation.site.selectors import site
from billing.pricing.book import prices_for
from billing.pricing.rating import rate
from billing.pricing.terms import terms_for

WINDOW = timedelta(days=30)
SAMPLE = 500  # the latest hours with usage of the model
LATEST = 200  # requests that a hold is sized from
READ = 5_000  # of the workspace's latest requests at most, to find those
KEEP_SECONDS = 60
PERCENT = 95

T = TypeVar("T")

_MEDIAN = """
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY per_request) FROM (
    SELECT sum(used.quantity) FILTER (WHERE series.meter = 'output_tokens') / sum(used.requests) AS per_request
    FROM metering_hourusage used JOIN metering_series series ON series.id = used.series_id
    WHERE used.workspace_id = %s AND used.hour >= %s AND used.hour <= %s
        AND series.provider = %s AND series.model = %s
    GROUP BY used.hour HAVING sum(used.requests) > 0 ORDER BY used.hour DESC LIMIT %s
) hours WHERE per_request IS NOT NULL
"""

# Along the index of a workspace's latest events, so that the work is bounded whatever it uses else.
_LATEST = """
SELECT usage::text, variant::text FROM (
    SELECT provider, model, task, problem, usage, variant FROM metering_usageevent
    WHERE workspace_id = %s AND occurred_at >= %s AND occurred_at <= %s
    ORDER BY occurred_at DESC, id DESC LIMIT %s
) latest WHERE provider = %s AND model = %s AND (task = %s OR %s = '') AND problem = '' LIMIT %s
"""


def usual_output(workspace_id: int, *, provider: str, model: str, now: datetime) -> Decimal | None:
    """Output tokens per request of the middle hour of the last 30 days, rounded up; None without history."""
    with connection.cursor() as cursor:
        cursor.execute(_MEDIAN, [workspace_id, now - WINDOW, now, provider, model, SAMPLE])
        row = cursor.fetchone()
    if row is None or row[0] is None:
        return None
    median: Decimal = row[0]
    return median.to_integral_value(ROUND_CEILING)


class Requests(NamedTuple):
    """Whose requests to which model; an empty task means all of them."""

    workspace_id: int
    provider: str
    model: str
    task: str


@dataclass(frozen=True)
class Recent:
    """The latest requests: how many there are, the 95th percentile of their answers' length in tokens, and what the
    one used that stands at the 95th percentile of their cost, at today's prices.
    """

    requests: int = 0
    answer: Decimal = Decimal(0)
    usage: Mapping[str, Decimal] = field(default_factory=dict)


def recent(which: Requests) -> Recent:
    """The last 200 requests of 30 days, at most a minute old."""
    return _recent.get(which)


def percentile(ordered: Sequence[T], percent: int) -> T:
    """The smallest value that at least `percent` % of the ascending values do not exceed (nearest rank)."""
    return ordered[max(-(-percent * len(ordered) // 100), 1) - 1]


def _read(which: Requests) -> Recent:
    now = clock.now()
    workspace_id, provider, model, task = which
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [workspace_id, now - WINDOW, now, READ, provider, model, task, task, LATEST])
        rows = cursor.fetchall()
    priced = sorted(_priced(which, rows, now), key=lambda each: each[0])
    if not priced:
        return Recent()
    answers = sorted(usage.get("output_tokens", Decimal(0)) for _, usage in priced)
    return Recent(len(priced), percentile(answers, PERCENT), percentile(priced, PERCENT)[1])


def _priced(
    which: Requests, rows: Sequence[tuple[str, str]], now: datetime
) -> list[tuple[Decimal, Mapping[str, Decimal]]]:
    """(cost in USD at today's prices, usage) of each request that has a price today."""
    prices = prices_for(f"{which.provider}/{which.model}")
    usd_per_credit, terms = site().usd_per_credit, terms_for(which.workspace_id)
    found: list[tuple[Decimal, Mapping[str, Decimal]]] = []
    for usage_text, variant_text in rows:
        usage = {meter: Decimal(quantity) for meter, quantity in json.loads(usage_text).items()}
        try:
            rating = rate(
                prices,
                usage=usage,
                variant=json.loads(variant_text),
                at=now,
                usd_per_credit=usd_per_credit,
                terms=terms,
            )
        except AmountOutOfRange:
            continue
        if not rating.problem:
            found.append((rating.usd, usage))
    return found


_recent: TimedCache[Requests, Recent] = TimedCache(_read, seconds=KEEP_SECONDS)
