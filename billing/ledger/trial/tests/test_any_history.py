"""Whatever happens to a wallet, nothing is lost: at every step the trial balance is zero, with sums and without."""

from datetime import date, datetime
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from billing.ledger.burn import SOURCES
from billing.ledger.selectors import Balance, balance
from billing.ledger.tests.helpers import NOON
from billing.ledger.tests.machine import LedgerMachine
from billing.ledger.trial.balance import trial_balance
from billing.ledger.trial.books import Books, books
from billing.ledger.trial.flows import flows
from billing.ledger.trial.lines import ROWS
from billing.ledger.trial.models import FlowSum
from billing.ledger.trial.month import next_month
from billing.ledger.trial.statement import Statement, statement
from billing.ledger.trial.sums import sums_write
from billing.ledger.trial.tests.sheet import check, days_of


class TrialMachine(LedgerMachine):
    """The ledger's own machine, with sums written now and then."""

    sums_used: ClassVar[int] = 0

    @invariant()
    def every_credit_is_somewhere(self) -> None:
        if self.steps % 3 == 0:
            sums_write(limit=1 + self.steps)
        trial = trial_balance(self.now.date())
        assert trial.problems == ()
        assert {row.difference for row in (*trial.to_date, *trial.in_month)} == {0}
        assert all(way.agrees for way in trial.second)

    @invariant()
    def the_statement_ends_with_the_balance(self) -> None:
        found = self.sheet(self.now.date(), self.now)
        check(self.ws, found)
        model = self.model
        assert found.totals().closing == model.available + model.held - model.debt
        assert (found.totals().held, found.totals("owed").closing) == (model.held, -model.debt)

    def sheet(self, month: date, now: datetime) -> Statement:
        return statement(self.ws, days_of(month.year, month.month), now=now)

    def teardown(self) -> None:
        super().teardown()  # posts what is due: from here on nothing happens
        said = balance(self.ws, self.now)
        mine = books([self.ws], []).get(self.ws, Books())
        there = {account: sum(mine.lots(source, account) for source in SOURCES) for account in ("available", "held")}
        assert (there["available"], there["held"], mine.owed) == (said.available, said.held, said.debt)
        self.months_follow_each_other(said)
        edges = [NOON, self.now]
        kept = flows(self.ws, edges)
        TrialMachine.sums_used += FlowSum.objects.filter(workspace_id=self.ws).delete()[0]
        assert flows(self.ws, edges) == kept

    def months_follow_each_other(self, said: Balance) -> None:
        """Each opens with what the one before it closed with, and the last one closes with the balance."""
        trial, month = trial_balance(NOON.date()).in_month, NOON.date()
        sheet = self.sheet(month, self.now)
        while month < self.now.date():
            month = next_month(month)
            next_trial, next_sheet = trial_balance(month).in_month, self.sheet(month, self.now)
            assert [row.opening for row in next_trial] == [row.closing for row in trial]
            assert dict(next_sheet.opening) == {row: sheet.totals(row).closing for row in ROWS}
            check(self.ws, next_sheet)
            trial, sheet = next_trial, next_sheet
        assert sheet.totals().closing == said.available + said.held - said.debt


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_spans")
@pytest.mark.parametrize(
    ("histories", "steps"), [(4, 20), pytest.param(40, 50, marks=pytest.mark.slow)], ids=["small", "full"]
)
def test_no_history_loses_a_credit(histories: int, steps: int) -> None:
    TrialMachine.sums_used = 0
    run_state_machine_as_test(
        TrialMachine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
    assert TrialMachine.sums_used > histories  # it was no comparison of nothing with nothing
