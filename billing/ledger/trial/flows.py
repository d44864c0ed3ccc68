"""What moved between any instants, by kind, accounts and source of the credits: kept sums where they reach, the
transfers themselves where they do not. Nobody reads more than a span of transfers for each instant asked about.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from billing.ledger.trial import models

LAST_SEQ: Final = 2**63 - 1

# A transfer is as many parts as it has takes, each of its lot's source. Without takes it is one part: of the lot it
# brought in or started (a start has no takes, its operation's key names the lot), else of no source, which is debt.
# OFFSET 0 keeps the planner from reading whole tables for a few spans of which it knows too little.
PARTS = """
SELECT t.workspace_id, t.operation_id, t.seq, t.created_at, t.kind, t.debit, t.credit,
    coalesce(taken.source, named.source, '') AS source, coalesce(taken.label, named.label, '') AS label,
    coalesce(taken.unit_price_usd, named.unit_price_usd, 0) AS unit_price_usd,
    coalesce(abs(taken.amount), t.amount) AS amount
FROM ranges
CROSS JOIN LATERAL (
    SELECT * FROM ledger_transfer
    WHERE workspace_id = ranges.workspace_id AND seq > ranges.after_seq AND seq <= ranges.until_seq OFFSET 0
) t
LEFT JOIN LATERAL (
    SELECT k.amount, lot.source, lot.label, lot.unit_price_usd
    FROM ledger_lottake k JOIN ledger_lot lot ON lot.id = k.lot_id
    WHERE k.transfer_id = t.id OFFSET 0
) taken ON true
LEFT JOIN LATERAL (
    SELECT lot.source, lot.label, lot.unit_price_usd FROM ledger_lot lot
    WHERE t.debit IN ('issued', 'adjusted') AND lot.workspace_id = t.workspace_id AND lot.seq = t.seq
    UNION ALL
    SELECT lot.source, lot.label, lot.unit_price_usd FROM ledger_operation o
    JOIN ledger_lot lot ON lot.id = substring(o.key FROM '^start:([0-9]{1,18}):')::bigint
    WHERE t.kind = 'lot.start' AND o.id = t.operation_id
    OFFSET 0
) named ON taken.amount IS NULL
"""

# `bucket` n is what was stamped from the n-th edge on (0: before the first) and before the next one. A span that lies
# on both sides of an edge is read again, transfer by transfer, as is what no span covers yet.
MOVED = f"""
kept AS MATERIALIZED (
    SELECT workspace_id, until_seq, kind, debit, credit, source, amount,
        width_bucket(since_at, %(edges)s::timestamptz[]) AS first_bucket,
        width_bucket(until_at, %(edges)s::timestamptz[]) AS bucket
    FROM trial_flowsum
    WHERE workspace_id = ANY(%(workspaces)s) AND until_at >= %(first)s::timestamptz AND since_at < %(end)s::timestamptz
), ranges AS MATERIALIZED (
    SELECT asked.workspace_id, coalesce(last.until_seq, 0) AS after_seq, {LAST_SEQ} AS until_seq
    FROM unnest(%(workspaces)s) AS asked(workspace_id) LEFT JOIN LATERAL (
        SELECT until_seq FROM trial_flowsum s
        WHERE s.workspace_id = asked.workspace_id ORDER BY until_seq DESC LIMIT 1
    ) last ON true
    UNION ALL
    SELECT DISTINCT workspace_id, until_seq - %(span)s, until_seq FROM kept WHERE first_bucket <> bucket
), moved AS (
    SELECT workspace_id, 0 AS bucket, kind, debit, credit, source, sum(amount) AS amount FROM trial_flowsum
    WHERE workspace_id = ANY(%(workspaces)s) AND until_at < %(first)s::timestamptz GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT workspace_id, bucket, kind, debit, credit, source, amount FROM kept WHERE first_bucket = bucket
    UNION ALL
    SELECT workspace_id, width_bucket(created_at, %(edges)s::timestamptz[]), kind, debit, credit, source, amount
    FROM ({PARTS}) parts WHERE created_at < %(end)s::timestamptz
)
"""  # noqa: S608

_FLOWS = f"""
WITH {MOVED}
SELECT bucket, kind, debit, credit, source, sum(amount) FROM moved GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Flow:
    """`amount` nano-credits went from account `debit` to account `credit`. `source` is empty for what no lot paid."""

    bucket: int
    kind: str
    debit: str
    credit: str
    source: str
    amount: int


def flows(workspace_id: int, edges: Sequence[datetime], *, to_the_end: bool = True) -> list[Flow]:
    """Everything that ever moved in a workspace, summed between `edges` (ascending): bucket 0 is before the first.
    What came after the last one may be left out.
    """
    return [
        Flow(bucket, kind, debit, credit, source, int(amount))
        for bucket, kind, debit, credit, source, amount in run(_FLOWS, between([workspace_id], edges, to_the_end))
    ]


def between(workspace_ids: Sequence[int], edges: Sequence[datetime], to_the_end: bool = True) -> dict[str, Any]:
    """The parameters of MOVED."""
    return {
        "workspaces": list(workspace_ids),
        "edges": list(edges),
        "first": edges[0].isoformat() if edges else "infinity",
        "end": edges[-1].isoformat() if edges and not to_the_end else "infinity",
    }


def run(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of one statement. Compiling it and remembering what is asked for once would only take longer."""
    with nullcontext() if connection.in_atomic_block else transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('jit', 'off', true), set_config('enable_memoize', 'off', true)")
        cursor.execute(sql, {**params, "span": models.SPAN})
        return cursor.fetchall() if cursor.description else []


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything read in the block is of one moment. For short blocks: rows that change meanwhile are kept for it."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
