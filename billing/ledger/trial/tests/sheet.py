"""What is true of every statement."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from billing.ledger.trial.lines import LINES, ROWS
from billing.ledger.trial.movements import Movement, movements
from billing.ledger.trial.statement import Statement


def days_of(year: int, month: int) -> list[datetime]:
    """The beginnings of a month's days (UTC), and of the next month."""
    first = datetime(year, month, 1, tzinfo=UTC)
    end = (first + timedelta(days=32)).replace(day=1)
    return [first + timedelta(days=step) for step in range((end - first).days + 1)]


def check(ws: int, found: Statement) -> Sequence[Movement]:
    """The movements add up to every cell, the rows to the whole; returns the movements."""
    moved = list(movements(ws, found))
    for row in ROWS:
        totals = found.totals(row)
        assert totals.closing == found.opening[row] + sum(each.amount for each in moved if each.row == row)
        for line in LINES:
            assert found.cell(row, line).net == sum(
                each.amount for each in moved if (each.row, each.line) == (row, line)
            )
    whole = found.totals()
    assert whole.repaid == 0
    assert whole.opening + whole.came_in - whole.went_out == whole.closing
    assert whole.closing == sum(found.totals(row).closing for row in ROWS)
    return moved
