"""Are the kept sums what the history says? A part of verify_ledger."""

from collections.abc import Iterator

from billing.ledger.records import Problem
from billing.ledger.trial import models
from billing.ledger.trial.flows import run
from billing.ledger.trial.models import FlowSum
from billing.ledger.trial.sums import SPANS_AT_ONCE, SUMMED

SHOWN = 5  # findings of one workspace

_DIFFERENT = f"""
WITH {SUMMED}, kept AS (
    SELECT * FROM trial_flowsum WHERE workspace_id = %(workspace)s AND until_seq > %(after)s AND until_seq <= %(until)s
)
SELECT until_seq, kind, source, kept.amount, summed.amount
FROM kept FULL JOIN summed USING (until_seq, kind, debit, credit, source)
WHERE (kept.amount, kept.since_at, kept.until_at) IS DISTINCT FROM (summed.amount, summed.since_at, summed.until_at)
ORDER BY 1, 2, 3 LIMIT {SHOWN}
"""  # noqa: S608


def verify_sums(workspace_id: int) -> Iterator[Problem]:
    """Recompute every kept sum of a workspace, in short statements."""
    last = FlowSum.objects.filter(workspace_id=workspace_id).order_by("-until_seq").values_list("until_seq", flat=True)
    until = last.first() or 0
    found = 0
    for after in range(0, until, SPANS_AT_ONCE * models.SPAN):
        part = {"workspace": workspace_id, "after": after, "until": min(after + SPANS_AT_ONCE * models.SPAN, until)}
        rows = run(_DIFFERENT, part)
        for seq, kind, source, kept, summed in rows:
            detail = f"the sum of {kind} ({source or 'on debt'}) is kept as {kept}, the transfers make {summed}"
            yield Problem(workspace_id, "flow_sum", detail, seq)
        found += len(rows)
        if found >= SHOWN:
            return
