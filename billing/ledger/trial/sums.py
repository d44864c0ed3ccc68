"""Writing the kept sums, span by span. Only what is complete is summed, so a span is written once and never again."""

from billing.ledger.trial import models
from billing.ledger.trial.flows import PARTS, run

SPANS_AT_ONCE = 100  # in one short statement

_DUE = """
SELECT w.workspace_id, coalesce(last.until_seq, 0), w.seq
FROM ledger_wallet w LEFT JOIN LATERAL (
    SELECT until_seq FROM trial_flowsum s WHERE s.workspace_id = w.workspace_id ORDER BY until_seq DESC LIMIT 1
) last ON true
WHERE w.seq >= coalesce(last.until_seq, 0) + %(span)s ORDER BY 1 LIMIT %(limit)s
"""

# `until_seq`: the end of the span a transfer belongs to. The stamps are those of the span, not of one kind in it.
SUMMED = f"""
ranges(workspace_id, after_seq, until_seq) AS (SELECT %(workspace)s::bigint, %(after)s::bigint, %(until)s::bigint),
parts AS MATERIALIZED (SELECT p.*, (p.seq + %(span)s - 1) / %(span)s * %(span)s AS until_seq FROM ({PARTS}) p),
spans AS (SELECT until_seq, min(created_at) AS since_at, max(created_at) AS until_at FROM parts GROUP BY 1),
summed AS (
    SELECT workspace_id, until_seq, since_at, until_at, kind, debit, credit, source, sum(amount) AS amount
    FROM parts JOIN spans USING (until_seq) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
"""  # noqa: S608

# In one order for everybody: two writers of the same rows wait for each other, never in a circle.
_WRITE = f"""
WITH {SUMMED}
INSERT INTO trial_flowsum (workspace_id, until_seq, since_at, until_at, kind, debit, credit, source, amount)
SELECT * FROM summed ORDER BY workspace_id, until_seq, kind, debit, credit, source ON CONFLICT DO NOTHING
"""  # noqa: S608


def sums_write(*, limit: int) -> int:
    """Sum at most `limit` spans that are complete and not summed yet; how many. Two at once write the same rows, and
    only one of them does.
    """
    done = 0
    step = SPANS_AT_ONCE * models.SPAN
    for workspace, summed, head in run(_DUE, {"limit": limit}):
        spans = min((head - summed) // models.SPAN, limit - done)
        last = summed + spans * models.SPAN
        for after in range(summed, last, step):
            run(_WRITE, {"workspace": workspace, "after": after, "until": min(after + step, last)})
        done += spans
    return done


def sums_catch_up() -> None:
    """Sum everything that is complete, before much of the history is read."""
    while sums_write(limit=1_000) == 1_000:
        pass
