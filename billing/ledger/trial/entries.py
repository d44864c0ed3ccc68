"""Single transfers of a month, and where the chain stood: found through the kept sums, without reading all the usage
in between.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.ledger.trial.flows import LAST_SEQ, PARTS, run

# What is summed per day, and what only moves credits between the two pockets of a balance.
PER_DAY: Final = ("usage.spend", "usage.debt", "hold.settle")
WITHIN: Final = ("hold.place", "hold.release", "hold.expire", "hold.overdraft", "hold.overdraft_end")

# Spans in which there is something to show; as many as are surely enough, and those on the edges of the month.
_ENTRIES = f"""
WITH spans AS (
    SELECT DISTINCT workspace_id, until_seq FROM trial_flowsum
    WHERE workspace_id = %(workspace)s AND until_seq > %(after)s AND until_at >= %(since)s AND since_at < %(until)s
        AND kind <> ALL(%(left_out)s)
    ORDER BY until_seq LIMIT %(limit)s + 3
), ranges AS MATERIALIZED (
    SELECT workspace_id, until_seq - %(span)s AS after_seq, until_seq FROM spans
    UNION ALL
    SELECT %(workspace)s, coalesce(max(until_seq), 0), {LAST_SEQ} FROM trial_flowsum WHERE workspace_id = %(workspace)s
), found AS (
    SELECT seq, created_at, operation_id, kind, debit, credit, source, sum(amount) AS amount, min(label) AS label,
        count(DISTINCT label) - 1 AS more_labels, dense_rank() OVER (ORDER BY seq) AS place
    FROM ({PARTS}) parts
    WHERE kind <> ALL(%(left_out)s) AND created_at >= %(since)s AND created_at < %(until)s
        AND seq > %(after)s AND seq <= %(last)s
    GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT seq, created_at, kind, debit, credit, source, amount, label, more_labels,
    (SELECT reason FROM ledger_operation o WHERE o.id = operation_id)
FROM found WHERE place <= %(limit)s ORDER BY seq, source
"""  # noqa: S608

_HEAD = f"""
WITH kept AS (
    SELECT max(until_seq) FILTER (WHERE until_at < %(at)s) AS before,
        min(until_seq) FILTER (WHERE until_at >= %(at)s) AS behind
    FROM trial_flowsum WHERE workspace_id = %(workspace)s
)
SELECT seq, digest FROM ledger_transfer
WHERE workspace_id = %(workspace)s AND seq >= coalesce((SELECT before FROM kept), 1)
    AND seq <= coalesce((SELECT behind FROM kept), {LAST_SEQ}) AND created_at < %(at)s
ORDER BY seq DESC LIMIT 1
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Entry:
    """The part of a transfer that concerns one source. `label` of its lot, `more_labels` when there were others."""

    seq: int
    at: datetime
    kind: str
    debit: str
    credit: str
    source: str
    amount: int
    label: str
    more_labels: int
    reason: str


@dataclass(frozen=True, slots=True)
class Head:
    """The last transfer of a chain up to some instant."""

    seq: int
    digest: bytes


def entries(
    workspace_id: int, *, since: datetime, until: datetime, after: int = 0, last: int = LAST_SEQ, limit: int
) -> list[Entry]:
    """What was stamped from `since` up to before `until`, oldest first, but for usage and holds: at most `limit`
    transfers after the sequence number `after` and not after `last`.
    """
    params = {
        "workspace": workspace_id,
        "since": since,
        "until": until,
        "after": after,
        "last": last,
        "limit": limit,
        "left_out": [*PER_DAY, *WITHIN],
    }
    return [
        Entry(seq, at, kind, debit, credit, source, int(amount), label, more, reason)
        for seq, at, kind, debit, credit, source, amount, label, more, reason in run(_ENTRIES, params)
    ]


def head_before(workspace_id: int, at: datetime) -> Head | None:
    """The chain's head as it was at an instant."""
    rows = run(_HEAD, {"workspace": workspace_id, "at": at})
    return Head(rows[0][0], bytes(rows[0][1])) if rows else None
