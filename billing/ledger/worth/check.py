"""Are the day sums what the history says? A part of verify_ledger."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from billing.ledger.records import Problem
from billing.ledger.trial.flows import run, snapshot
from billing.ledger.worth.models import DaySum, SummedUntil
from billing.ledger.worth.sums import PORTION, SUMMED

SHOWN = 5  # findings of one workspace

_SUMS = f"WITH {SUMMED} SELECT day, kind, debit, credit, source, unit_price_usd, amount FROM summed"  # noqa: S608
Sums = Counter[tuple[Any, ...]]


def verify_days(workspace_id: int) -> Iterator[Problem]:
    """Recompute every day sum of a workspace, in short statements."""
    kept, until = _kept(workspace_id)
    said: Sums = Counter()
    for after in range(0, until, PORTION):
        part = {"workspace": workspace_id, "after": after, "until": min(after + PORTION, until)}
        said.update({tuple(key): int(amount) for *key, amount in run(_SUMS, part)})
    different = [key for key in kept.keys() | said.keys() if kept[key] != said[key]]
    for key in sorted(different)[:SHOWN]:
        day, kind = key[:2]
        detail = f"{kind} on {day} is kept as {kept[key]} nano-credits, its transfers say {said[key]}"
        yield Problem(workspace_id, "day_sum", detail)


def _kept(workspace_id: int) -> tuple[Sums, int]:
    """The sums, and up to which transfer they go, at one moment."""
    names = ("day", "kind", "debit", "credit", "source", "unit_price_usd", "amount")
    with snapshot():
        until = SummedUntil.objects.filter(pk=workspace_id).values_list("seq", flat=True).first() or 0
        rows = DaySum.objects.filter(workspace_id=workspace_id).values_list(*names)
        return Counter({key: int(amount) for *rest, amount in rows for key in [tuple(rest)]}), until
