"""The trial balance as a table: for the command, and as CSV."""

import csv
from typing import Final, Protocol

from billing.credits.units import credits
from billing.ledger.trial.balance import Row, TrialBalance

# Attribute of a row → what its column is called.
COLUMNS: Final = {
    "opening": "opening",
    "issued": "issued",
    "spent": "spent",
    "repaid": "debt_paid",
    "expired": "expired",
    "refunded": "refunded",
    "adjusted": "adjusted",
    "closing": "closing",
    "available": "available",
    "held": "held",
    "scheduled": "scheduled",
    "owed": "owed",
    "difference": "difference",
}


class Out(Protocol):
    """A file or a response."""

    def write(self, text: str, /) -> object: ...


def write_csv(trial: TrialBalance, out: Out) -> None:
    """Both periods, amounts exact in credits."""
    writer = csv.writer(out)
    writer.writerow(["period", "source", *COLUMNS.values()])
    for period, rows in periods(trial).items():
        for row in rows:
            writer.writerow([period, row.source, *(f"{credits(getattr(row, name)):f}" for name in COLUMNS)])


def periods(trial: TrialBalance) -> dict[str, tuple[Row, ...]]:
    return {"to date": trial.to_date, f"{trial.month:%Y-%m}": trial.in_month}
