"""What moved between days (UTC), with the price that was paid for the credits: kept sums, and the transfers that are
not summed yet.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from billing.ledger.accounts import DEBT, SPENT
from billing.ledger.trial.flows import LAST_SEQ, PARTS, run
from billing.ledger.trial.month import next_month

# Whole months are read as such, the others by their days. What is not summed yet is of today, as a rule: the job is
# never more than minutes late.
_MOVED = f"""
ranges AS MATERIALIZED (
    SELECT w.workspace_id, coalesce(s.seq, 0) AS after_seq, {LAST_SEQ} AS until_seq
    FROM ledger_wallet w LEFT JOIN worth_summeduntil s ON s.workspace_id = w.workspace_id
    WHERE w.seq > coalesce(s.seq, 0)
), moved AS (
    SELECT workspace_id, day, kind, debit, credit, source, unit_price_usd, amount FROM worth_monthsum
    WHERE day >= %(months_since)s::date AND day < %(until)s::date AND day <> ALL(%(split)s::date[])
    UNION ALL
    SELECT workspace_id, day, kind, debit, credit, source, unit_price_usd, amount
    FROM unnest(%(starts)s::date[], %(ends)s::date[]) part(first, until)
    JOIN worth_daysum ON day >= part.first AND day < part.until
    UNION ALL
    SELECT workspace_id, (created_at AT TIME ZONE 'UTC')::date, kind, debit, credit, source, unit_price_usd, amount
    FROM ({PARTS}) parts
    WHERE created_at >= %(since)s::date::timestamp AT TIME ZONE 'UTC'
        AND created_at < %(until)s::date::timestamp AT TIME ZONE 'UTC'
)
"""  # noqa: S608

_BUCKETS = f"""
WITH {_MOVED}
SELECT width_bucket(day, %(edges)s::date[]) - 1, kind, debit, credit, source, unit_price_usd, sum(amount)
FROM moved GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608

# Credits are used where they are spent, and where they pay for what was used before they came in.
_USED = f"""
WITH {_MOVED}
SELECT workspace_id, split_part(kind, '.', 1) <> 'addon', unit_price_usd,
    sum(CASE WHEN credit IN ('{SPENT}', '{DEBT}') THEN amount ELSE -amount END)
FROM moved WHERE unit_price_usd > 0 AND (credit IN ('{SPENT}', '{DEBT}')) <> (debit IN ('{SPENT}', '{DEBT}'))
GROUP BY 1, 2, 3
"""  # noqa: S608

_BY_ACCOUNT = f"""
WITH {_MOVED}
SELECT day, account, sum(amount) FILTER (WHERE account = debit), sum(amount) FILTER (WHERE account = credit)
FROM moved, LATERAL (VALUES (debit), (credit)) side(account) GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608

_REMAINING = """
SELECT workspace_id, unit_price_usd, sum(remaining) FROM ledger_lot
WHERE open AND unit_price_usd > 0 GROUP BY 1, 2
"""

FOREVER: Final = date(9999, 12, 31)


class PricedFlow(NamedTuple):
    """`amount` nano-credits went from account `debit` to account `credit`. `source` is empty for what no lot paid,
    `unit_price_usd` is zero where nobody paid for the credits.
    """

    bucket: int
    kind: str
    debit: str
    credit: str
    source: str
    unit_price_usd: Decimal
    amount: int


class Used(NamedTuple):
    """Credits of one price that a workspace used, net of what was given back."""

    workspace_id: int
    metered: bool  # by usage; else by something that costs credits by the day or month
    unit_price_usd: Decimal
    amount: int


class Unspent(NamedTuple):
    """Paid credits of one price that a workspace has, those on hold and those that start later included."""

    workspace_id: int
    unit_price_usd: Decimal
    amount: int


class AccountDay(NamedTuple):
    """What went out of an account (debit) and into it (credit) on a day, in nano-credits."""

    day: date
    account: str
    debit: int
    credit: int


def priced_flows(edges: Sequence[date]) -> list[PricedFlow]:
    """Everything that moved in all workspaces from the first of `edges` (ascending) on. Bucket n is what was stamped
    from the n-th edge on and before the next one; the last one has no end.
    """
    rows = run(_BUCKETS, _between([*edges, FOREVER]))
    return [PricedFlow._make((*row[:-1], int(row[-1]))) for row in rows]


def used(since: date, until: date) -> list[Used]:
    """Paid credits that were used from `since` to before `until`, by workspace and price."""
    return [Used._make((*row[:-1], int(row[-1]))) for row in run(_USED, _between([since, until]))]


def unspent() -> list[Unspent]:
    """Paid credits that are there now. What expired and was not posted yet is still among them, as in every book."""
    return [Unspent._make((*row[:-1], int(row[-1]))) for row in run(_REMAINING, {})]


def account_days(since: date, until: date) -> Iterator[AccountDay]:
    """By day and account, from `since` to before `until`."""
    for day, account, debit, credit in run(_BY_ACCOUNT, _between([since, until], by_day=True)):
        yield AccountDay(day, account, int(debit or 0), int(credit or 0))


def _between(edges: Sequence[date], *, by_day: bool = False) -> dict[str, Any]:
    """The parameters of what moved from the first to before the last of `edges`. A month with an edge within is read by
    its days, and so is everything that is told by the day.
    """
    since, until = edges[0], edges[-1]
    split = sorted({edge.replace(day=1) for edge in edges if edge.day > 1 and edge != FOREVER})
    parts = [(max(since, month), min(until, next_month(month))) for month in split]
    if by_day:
        parts = [(since, until)]
    return {
        "since": since,
        "months_since": FOREVER if by_day else since,
        "until": until,
        "edges": edges[:-1],
        "split": split,
        "starts": [first for first, _ in parts],
        "ends": [last for _, last in parts],
    }
