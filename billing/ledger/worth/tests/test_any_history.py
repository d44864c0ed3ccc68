"""Whatever happens to a wallet, no paid credit loses its worth: it is earned, expired, given back or still there."""

from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from billing.ledger.models import Lot
from billing.ledger.services import credits_grant
from billing.ledger.tests import machine
from billing.ledger.tests.helpers import NOON
from billing.ledger.tests.machine import LedgerMachine
from billing.ledger.trial.balance import trial_balance
from billing.ledger.verify import verify
from billing.ledger.worth.figures import credits_of, value, worth_of
from billing.ledger.worth.flows import FOREVER, priced_flows, unspent, used
from billing.ledger.worth.sums import days_sum

PRICES: Final = (None, Decimal("0.005"), Decimal("0.004333333333"))


def priced_grant(*, amount: int, **terms: Any) -> Any:
    """Some lots are gifts, some were paid for; the same again at the same price."""
    return credits_grant(amount=amount, unit_price_usd=PRICES[amount % len(PRICES)], **terms)


class WorthMachine(LedgerMachine):
    """The ledger's own machine, with prices, and sums written now and then."""

    @invariant()
    def nothing_loses_its_worth(self) -> None:
        if self.steps % 3 == 0:
            days_sum(limit=10)
        flows = priced_flows([NOON.date().replace(day=1)])
        worth = worth_of(flows)
        there = sum(value(lot.remaining, lot.unit_price_usd or Decimal(0)) for lot in Lot.objects.all())
        assert worth.change == there == sum(value(row.amount, row.unit_price_usd) for row in unspent())
        spent = used(NOON.date().replace(day=1), FOREVER)
        assert worth.recognised == sum(value(row.amount, row.unit_price_usd) for row in spent)
        assert min(worth.sold, worth.recognised, worth.expired, worth.refunded) >= 0
        self.the_credits_are_those_of_the_trial_balance(credits_of(flows))

    def the_credits_are_those_of_the_trial_balance(self, said: Any) -> None:
        rows = {row.source: row for row in trial_balance(self.now.date()).to_date}
        assert said.sold == rows["bought"].issued
        assert (said.granted_plan, said.granted_promotion) == (rows["plan"].issued, rows["promotion"].issued)
        for name in ("spent", "expired", "refunded", "adjusted"):
            assert getattr(said, name) == getattr(rows["total"], name)

    def teardown(self) -> None:
        super().teardown()
        days_sum(limit=10)
        assert verify(workspace_id=self.ws).problems == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_portions")
@pytest.mark.parametrize(
    ("histories", "steps"), [(4, 20), pytest.param(40, 50, marks=pytest.mark.slow)], ids=["small", "full"]
)
def test_no_history_loses_worth(histories: int, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "credits_grant", priced_grant)
    run_state_machine_as_test(
        WorthMachine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
