from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from io import StringIO
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Workspace
from billing.credits.format import exact_text
from billing.ledger.trial.balance import Row, TrialBalance, trial_balance
from billing.ledger.trial.month import month_of
from billing.ledger.trial.sums import sums_catch_up
from billing.ledger.trial.table import COLUMNS, periods, write_csv

SHOWN = 20  # findings; verify_ledger has all of them


def month_argument(text: str) -> date:
    found = month_of(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is not a month such as 2027-01")
    return found


class Command(BaseCommand):
    help = (
        "Show where all credits are that were ever issued, by their source, to date and for one month. Exit status 1 "
        "when a credit is unaccounted for; no entry is changed."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", type=month_argument, help="YYYY-MM, UTC (default: this month)")
        parser.add_argument("--csv", action="store_true", help="exact amounts as CSV")

    def handle(self, *args: Any, **options: Any) -> None:
        sums_catch_up()
        trial = trial_balance(options["month"])
        if options["csv"]:
            text = StringIO()
            write_csv(trial, text)
            self.stdout.write(text.getvalue(), ending="")
        else:
            self._say(trial)
        if not trial.ok:
            raise CommandError(f"The ledger does not add up: {len(trial.problems)} problems.", returncode=1)

    def _say(self, trial: TrialBalance) -> None:
        self.stdout.write(f"Trial balance of {trial.workspaces:,} workspaces as of {trial.as_of:%Y-%m-%d %H:%M:%S} UTC")
        for period, rows in periods(trial).items():
            self._table(period, rows)
        self.stdout.write("\nThe same by lots, by transfers, by wallets")
        for way in trial.second:
            numbers = ("–" if said is None else exact_text(said) for said in (way.lots, way.transfers, way.wallets))
            self.stdout.write(f"{way.name:<12}" + "".join(f"{number:>28}" for number in numbers))
        names = dict(
            Workspace.objects.filter(pk__in={problem.workspace_id for problem in trial.problems}).values_list(
                "pk", "public_id"
            )
        )
        for problem in trial.problems[:SHOWN]:
            self.stdout.write(f"{names[problem.workspace_id]}: {problem.detail}")
        if trial.ok:
            self.stdout.write(self.style.SUCCESS("Every credit is accounted for: the difference is 0."))

    def _table(self, period: str, rows: tuple[Row, ...]) -> None:
        """One line for each account, one column for each source: amounts are long, sources few."""
        self.stdout.write(f"\n{period:<12}" + "".join(f"{row.source:>24}" for row in rows))
        for name, title in COLUMNS.items():
            numbers = (exact_text(getattr(row, name)) for row in rows)
            self.stdout.write(f"{title.replace('_', ' '):<12}" + "".join(f"{number:>24}" for number in numbers))
