"""What a workspace's requests to a model usually look like: from hourly totals, or from its latest requests."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from time import monotonic
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import connection

from billing.credits import clock
from billing.credits.units import AmountOutOfRange
from billing.foundation.cache import TimedCache
from billing.foundation.site.selectors import site
from billing.ledger.roundtrip import Statement
from billing.ledger.session import read
from billing.pricing.book import prices_for
from billing.pricing.rating import rate
from billing.pricing.terms import terms_for

WINDOW = timedelta(days=30)
SAMPLE = 500  # the latest hours with usage of the model
LATEST = 200  # requests that a hold is sized from
READ = 5_000  # of the workspace's latest requests at most, to find those
PERCENT = 95

# Reading LATEST requests takes as long as an authorisation does. They are worth looking at again when a tenth as many
# were made since, and not for each one of a workspace that makes few.
KEEP_SECONDS, KEEP_SECONDS_AT_MOST = 60, 300
TENTH = 10

T = TypeVar("T")
S = TypeVar("S", bound="Answers | Recent")

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
_LATEST = f"""
SELECT usage, variant FROM (
    SELECT provider, model, task, problem, usage, variant FROM metering_usageevent
    WHERE workspace_id = %s::bigint AND occurred_at >= %s AND occurred_at <= %s
    ORDER BY occurred_at DESC, id DESC LIMIT {READ}
) latest WHERE provider = %s AND model = %s AND (task = %s OR %s = '') AND problem = '' LIMIT {LATEST}
"""  # noqa: S608
_ANSWERS = f"""
SELECT count(*), percentile_disc({PERCENT} / 100.0) WITHIN GROUP (ORDER BY tokens)
FROM (SELECT coalesce((usage ->> 'output_tokens')::numeric, 0) AS tokens FROM ({_LATEST}) used) answers
"""  # noqa: S608
_USED = f"SELECT usage::text, variant::text FROM ({_LATEST}) used"  # noqa: S608


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


class Answers(NamedTuple):
    """How many of the latest requests there are, and the 95th percentile of their answers' length in tokens."""

    requests: int
    tokens: Decimal


@dataclass(frozen=True)
class Recent:
    """The latest requests that have a price today: how many there are, and what the one used that stands at the 95th
    percentile of their cost.
    """

    requests: int = 0
    usage: Mapping[str, Decimal] = field(default_factory=dict)


def recent_answers(which: Requests) -> Answers:
    """Those of the last 200 requests of 30 days: kept for a minute, and on until they have sized a tenth as many here,
    for 5 minutes at most.
    """
    return _answers.get(which)


def recent(which: Requests) -> Recent:
    """The last 200 requests of 30 days, as old as `recent_answers`. Prices each of them: a hundred times its work."""
    return _recent.get(which)


def percentile(ordered: Sequence[T], percent: int) -> T:
    """The smallest value that at least `percent` % of the ascending values do not exceed (nearest rank)."""
    return ordered[max(-(-percent * len(ordered) // 100), 1) - 1]


def _read_answers(which: Requests) -> Answers:
    (rows,) = read(_latest(_ANSWERS, which, clock.now()))
    ((requests, tokens),) = rows
    return Answers(requests, Decimal(0) if tokens is None else tokens)


def _read_used(which: Requests) -> Recent:
    now = clock.now()
    (rows,) = read(_latest(_USED, which, now))
    priced = sorted(_priced(which, rows, now), key=lambda each: each[0])
    return Recent(len(priced), percentile(priced, PERCENT)[1]) if priced else Recent()


def _latest(sql: str, which: Requests, now: datetime) -> Statement:
    workspace_id, provider, model, task = which
    return sql, (str(workspace_id), now - WINDOW, now, provider, model, task, task)


def _priced(
    which: Requests, rows: Sequence[tuple[Any, ...]], now: datetime
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


@dataclass(slots=True)
class _Kept(Generic[S]):
    """What was read, when (of the monotonic clock), and how many requests were sized by it."""

    sample: S
    since: float
    used: int = 0

    def is_over(self) -> bool:
        age = monotonic() - self.since
        return age > KEEP_SECONDS and self.used * TENTH >= self.sample.requests


class _Samples(Generic[S]):
    """What the latest requests look like, and for how long that is believed."""

    def __init__(self, read: Callable[[Requests], S]) -> None:
        self._kept = TimedCache[Requests, _Kept[S]](
            lambda which: _Kept(read(which), monotonic()), seconds=KEEP_SECONDS_AT_MOST
        )

    def get(self, which: Requests) -> S:
        kept = self._kept.get(which)
        if kept.is_over():
            self._kept.forget(which)
            kept = self._kept.get(which)
        kept.used += 1  # about: two threads may count as one
        return kept.sample


_answers = _Samples(_read_answers)
_recent = _Samples(_read_used)
