"""Any history of a wallet, step by step beside a simple model: every balance, lot, hold and debt equal."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from billing.ledger.tests.machine import LedgerMachine
from billing.ledger.tests.sidebyside import SideBySide


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("histories", "length", "least"),
    [(12, 30, 280), pytest.param(320, 50, 10_000, marks=pytest.mark.slow)],
    ids=["small", "full"],
)
def test_any_history_agrees_with_the_model_at_every_step(histories: int, length: int, least: int) -> None:
    SideBySide.all_steps = 0
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=length,
            deadline=None,
            derandomize=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert SideBySide.all_steps >= least
