"""How fast a key of a workspace spends, and when that stops it.

A minute in which it spends more than `velocity_factor` times its busiest minute of this week and the last one, and
more than `velocity_minimum` credits, pauses it: a leaked key or a loop must not empty a wallet overnight. A key that
spent nothing in that time has no usual; its first minute may have `velocity_factor` times the minimum. What it has
used is recorded all the same; estimates and authorisations are refused until a person resumes it. Service keys are
the operator's own backend and never paused.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from billing.credits.units import exact_nano
from billing.foundation.site.selectors import site
from billing.ledger.book import Book
from billing.ledger.roundtrip import Rows, Statement
from billing.metering.events import Source
from billing.metering.hooks import Spend
from billing.usage.errors import KeyPaused

MINUTE = timedelta(minutes=1)

# Stage by stage: the row as it was; the week's busiest minute once a later minute has begun; the row as it will be.
_COUNT = """
WITH spend AS (SELECT %s::bigint AS key, %s::bigint AS workspace, %s::timestamptz AS minute, %s::bigint AS spent,
    %s::date AS week, %s::timestamptz AS now, %s::numeric AS factor, %s::numeric AS minimum
), closed AS (
    SELECT spend.*, coalesce(kept.minute, spend.minute) AS last_minute, coalesce(kept.spent, 0) AS last_spent,
        coalesce(kept.week, spend.week) AS last_week, coalesce(kept.busiest_before, 0) AS before,
        greatest(coalesce(kept.busiest, 0), CASE WHEN spend.minute > kept.minute THEN kept.spent ELSE 0 END) AS top,
        kept.paused_at, coalesce(kept.paused_spent, 0) AS paused_spent, coalesce(kept.paused_usual, 0) AS paused_usual
    FROM spend LEFT JOIN budgets_keypace kept ON kept.api_key_id = spend.key
), counted AS (
    SELECT closed.*, greatest(minute, last_minute) AS this_minute, greatest(week, last_week) AS this_week,
        CASE WHEN minute > last_minute THEN spent WHEN minute = last_minute THEN last_spent + spent
            ELSE last_spent END AS this_spent,
        CASE WHEN week <= last_week THEN top ELSE 0 END AS this_busiest,
        CASE WHEN week <= last_week THEN before WHEN week = last_week + 7 THEN top ELSE 0 END AS this_before
    FROM closed
), judged AS (
    SELECT counted.*, greatest(this_busiest, this_before) AS usual, paused_at IS NULL AND factor > 0
        AND this_spent > CASE WHEN greatest(this_busiest, this_before) = 0 THEN factor * minimum
            ELSE greatest(minimum, factor * greatest(this_busiest, this_before)) END AS pauses
    FROM counted
)
INSERT INTO budgets_keypace (api_key_id, workspace_id, minute, spent, week, busiest, busiest_before, paused_at,
    paused_spent, paused_usual)
SELECT key, workspace, this_minute, this_spent, this_week, this_busiest, this_before,
    CASE WHEN pauses THEN now ELSE paused_at END, CASE WHEN pauses THEN this_spent ELSE paused_spent END,
    CASE WHEN pauses THEN usual ELSE paused_usual END
FROM judged
ON CONFLICT (api_key_id) DO UPDATE SET minute = excluded.minute, spent = excluded.spent, week = excluded.week,
    busiest = excluded.busiest, busiest_before = excluded.busiest_before, paused_at = excluded.paused_at,
    paused_spent = excluded.paused_spent, paused_usual = excluded.paused_usual
"""

_PAUSE = "SELECT paused_at, paused_spent FROM budgets_keypace WHERE api_key_id = %s AND paused_at IS NOT NULL"


def count_pace(book: Book, source: Source, spends: Sequence[Spend]) -> Iterator[Statement]:
    """What `metering.hooks.spend_counters` asks: one statement for each minute of a workspace key's spending. What
    happened longer ago than the minute before, or is given back, says nothing of the present pace.
    """
    if source.api_key_id is None or not source.by_customer:
        return
    this_minute = minute_of(book.now)
    minutes: dict[datetime, int] = {}
    for spend in spends:
        minute = minute_of(min(spend.occurred_at, book.now))
        if spend.amount > 0 and minute >= this_minute - MINUTE:
            minutes[minute] = minutes.get(minute, 0) + spend.amount
    settings = site()
    for minute in sorted(minutes):
        yield (
            _COUNT,
            (
                str(source.api_key_id),
                str(book.workspace_id),
                minute.isoformat(),
                str(minutes[minute]),
                monday_of(minute).isoformat(),
                book.now.isoformat(),
                str(settings.velocity_factor),
                str(exact_nano(settings.velocity_minimum)),
            ),
        )


def pause_of(source: Source) -> list[Statement]:
    """What has to be read to know whether the key of `source` is paused: nothing for the operator's backend."""
    if source.api_key_id is None or not source.by_customer:
        return []
    return [(_PAUSE, (str(source.api_key_id),))]


def refuse_paused(found: Sequence[Rows]) -> None:
    """Raises KeyPaused if that is what `pause_of` found."""
    for rows in found:
        for since, spent in rows:
            raise KeyPaused(since, spent, unit=site().credit_name_plural)


def minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def monday_of(at: datetime) -> date:
    return at.date() - timedelta(days=at.weekday())
