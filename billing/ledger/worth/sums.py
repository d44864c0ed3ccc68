"""Writing the day sums: each transfer is added once, to its day, in the order of the sequence."""

from django.db import transaction

from billing.ledger.trial.flows import PARTS, run
from billing.ledger.worth.models import SummedUntil

PORTION = 10_000  # transfers of a workspace that one short statement adds

_DUE = """
SELECT w.workspace_id, s.seq IS NULL FROM ledger_wallet w
LEFT JOIN worth_summeduntil s ON s.workspace_id = w.workspace_id
WHERE w.seq > coalesce(s.seq, 0) ORDER BY 1 LIMIT %(limit)s
"""

# Everything up to the wallet's own number is committed: it is raised in the transaction that writes the transfers.
_HEAD = "SELECT seq FROM ledger_wallet WHERE workspace_id = %(workspace)s"

SUMMED = f"""
ranges(workspace_id, after_seq, until_seq) AS (SELECT %(workspace)s::bigint, %(after)s::bigint, %(until)s::bigint),
summed AS (
    SELECT workspace_id, (created_at AT TIME ZONE 'UTC')::date AS day, kind, debit, credit, source, unit_price_usd,
        sum(amount) AS amount
    FROM ({PARTS}) parts GROUP BY 1, 2, 3, 4, 5, 6, 7
)
"""  # noqa: S608

# Of days, and of their months.
_ADD = f"""
WITH {SUMMED}, days AS (
    INSERT INTO worth_daysum (workspace_id, day, kind, debit, credit, source, unit_price_usd, amount)
    SELECT * FROM summed
    ON CONFLICT (workspace_id, day, kind, debit, credit, source, unit_price_usd)
    DO UPDATE SET amount = worth_daysum.amount + excluded.amount
)
INSERT INTO worth_monthsum (workspace_id, day, kind, debit, credit, source, unit_price_usd, amount)
SELECT workspace_id, date_trunc('month', day)::date, kind, debit, credit, source, unit_price_usd, sum(amount)
FROM summed GROUP BY 1, 2, 3, 4, 5, 6, 7
ON CONFLICT (workspace_id, day, kind, debit, credit, source, unit_price_usd)
DO UPDATE SET amount = worth_monthsum.amount + excluded.amount
"""  # noqa: S608


def days_sum(*, limit: int) -> int:
    """Sum on in at most `limit` workspaces that have transfers which are not summed; how many there were. `limit` as
    well where one of them has more than is summed at once, so that one is asked again.
    """
    due = run(_DUE, {"limit": limit})
    SummedUntil.objects.bulk_create(
        [SummedUntil(workspace_id=workspace) for workspace, is_new in due if is_new], ignore_conflicts=True
    )
    more = [_sum_on(workspace) for workspace, _ in due]
    return limit if any(more) else len(due)


def days_catch_up() -> None:
    """Sum everything there is, before much of the history is read."""
    while days_sum(limit=1_000) == 1_000:
        pass


def _sum_on(workspace: int) -> bool:
    """Add a workspace's next transfers to their days; whether there are more. Who finds another one at it leaves it to
    them.
    """
    with transaction.atomic():
        mine = SummedUntil.objects.select_for_update(skip_locked=True).filter(pk=workspace).first()
        if mine is None:
            return False
        ((head,),) = run(_HEAD, {"workspace": workspace})
        until = min(mine.seq + PORTION, head)
        run(_ADD, {"workspace": workspace, "after": mine.seq, "until": until})
        SummedUntil.objects.filter(pk=workspace).update(seq=until)
        return bool(until < head)
