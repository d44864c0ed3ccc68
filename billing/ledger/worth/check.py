"""Are the day sums what the history says? A part of verify_ledger."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from billing.ledger.records import Problem
from billing.ledger.trial.flows import run, snapshot
from billing.ledger.worth.models import DaySum, MonthSum, SummedUntil
from billing.ledger.worth.sums import PORTION, SUMMED

SHOWN = 5  # findings of one workspace

_SUMS = f"WITH {SUMMED} SELECT day, kind, debit, credit, source, unit_price_usd, amount FROM summed"  # noqa: S608
Sums = Counter[tuple[Any, ...]]


def verify_days(workspace_id: int) -> Iterator[Problem]:
    """Recompute every day sum of a workspace, in short statements."""
    kept, months, until = _kept(workspace_id)
    said: Sums = Counter()
    for after in range(0, until, PORTION):
        part = {"workspace": workspace_id, "after": after, "until": min(after + PORTION, until)}
        said.update({tuple(key): int(amount) for *key, amount in run(_SUMS, part)})
    of_months: Sums = Counter()
    for key, amount in said.items():
        of_months[key[0].replace(day=1), *key[1:]] += amount
    for name, one, other in (("on", kept, said), ("in the month of", months, of_months)):
        different = [key for key in one.keys() | other.keys() if one[key] != other[key]]
        for key in sorted(different)[:SHOWN]:
            detail = f"{key[1]} {name} {key[0]} is kept as {one[key]} nano-credits, its transfers say {other[key]}"
            yield Problem(workspace_id, "day_sum", detail)


def _kept(workspace_id: int) -> tuple[Sums, Sums, int]:
    """The sums of days and of months, and up to which transfer they go, at one moment."""
    with snapshot():
        until = SummedUntil.objects.filter(pk=workspace_id).values_list("seq", flat=True).first() or 0
        return _sums(DaySum, workspace_id), _sums(MonthSum, workspace_id), until


def _sums(model: type[DaySum] | type[MonthSum], workspace_id: int) -> Sums:
    names = ("day", "kind", "debit", "credit", "source", "unit_price_usd", "amount")
    rows = model._default_manager.filter(workspace_id=workspace_id).values_list(*names)
    return Counter({tuple(key): int(amount) for *key, amount in rows})
