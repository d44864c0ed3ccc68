"""What is spent counts against the budgets that cover it, in the transaction that spends it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from billing.ledger.book import Book
from billing.ledger.roundtrip import Statement
from billing.metering.events import Source
from billing.metering.hooks import Spend
from billing.usage.budgets.periods import Span
from billing.usage.budgets.rules import Rule, Subject, rules_of

_COUNT = """
INSERT INTO budgets_budgetperiod AS running (budget_id, starts_at, ends_at, spent)
SELECT counted.* FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::numeric[])
    counted(budget_id, starts_at, ends_at, spent)
ON CONFLICT (budget_id, starts_at) DO UPDATE SET spent = running.spent + excluded.spent
"""

# Not as an upsert: its CHECK would see what is given back alone, as less than nothing.
_GIVE_BACK = """
UPDATE budgets_budgetperiod running SET spent = running.spent + back.spent
FROM unnest(%s::bigint[], %s::timestamptz[], %s::numeric[]) back(budget_id, starts_at, spent)
WHERE running.budget_id = back.budget_id AND running.starts_at = back.starts_at
"""

# Rollups tell what was spent before there was a budget; their hours are those of its periods.
_SPENT = """
SELECT coalesce(sum(used.amount), 0) FROM metering_hourusage used
JOIN metering_series s ON s.id = used.series_id
WHERE used.workspace_id = %s AND used.hour >= %s AND used.hour < %s
"""
_OF = {
    "workspace": "",
    "project": " AND s.project_id = %s",
    "key": " AND s.api_key_id = ANY(%s)",
    "member": (
        " AND s.api_key_id IN (SELECT id FROM accounts_apikey"
        " WHERE workspace_id = used.workspace_id AND created_by_id = %s)"
    ),
}


def count_spends(book: Book, source: Source, spends: Sequence[Spend]) -> Iterator[Statement]:
    """What `metering.hooks.spend_counters` asks: one statement where a budget covers something of it."""
    rules = rules_of(book)
    if not rules.all:
        return
    sums: dict[tuple[int, Span], int] = {}
    for (project_id, hour), amount in _by_hour(spends).items():
        for rule in rules.covering(Subject(project_id, source.api_key_id, source.member_id)):
            period = rules.span(rule, hour)
            if period.starts_at >= rule.counts_from:
                sums[rule.id, period] = sums.get((rule.id, period), 0) + amount
    if more := {key: amount for key, amount in sums.items() if amount > 0}:
        budgets, starts, ends, amounts = _columns(more)
        yield _COUNT, (budgets, starts, ends, amounts)
    if back := {key: amount for key, amount in sums.items() if amount < 0}:
        budgets, starts, _, amounts = _columns(back)
        yield _GIVE_BACK, (budgets, starts, amounts)


def _by_hour(spends: Sequence[Spend]) -> dict[tuple[int | None, datetime], int]:
    """Nano-credits by project and hour."""
    found: dict[tuple[int | None, datetime], int] = {}
    for spend in spends:
        key = spend.project_id, spend.booked_at.replace(minute=0, second=0, microsecond=0)
        found[key] = found.get(key, 0) + spend.amount
    return found


def _columns(sums: dict[tuple[int, Span], int]) -> tuple[list[str], list[str], list[str], list[str]]:
    """Budgets, starts, ends and nano-credits, in the order of the rows' keys."""
    keys = sorted(sums)
    return (
        [str(budget) for budget, _ in keys],
        [period.starts_at.isoformat() for _, period in keys],
        [period.ends_at.isoformat() for _, period in keys],
        [str(sums[key]) for key in keys],
    )


def spent_before(workspace_id: int, rule: Rule, period: Span) -> int:
    """What was spent in `period` so far, nano-credits; call it under the wallet lock."""
    subjects: dict[str, list[Any]] = {
        "workspace": [],
        "project": [rule.project_id],
        "key": [sorted(rule.keys)],
        "member": [rule.member_id],
    }
    of = subjects[rule.level]
    with connection.cursor() as cursor:
        cursor.execute(_SPENT + _OF[rule.level], [workspace_id, period.starts_at, period.ends_at, *of])
        return int(cursor.fetchone()[0])
