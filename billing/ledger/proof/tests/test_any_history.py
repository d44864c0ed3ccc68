"""Whatever happens to a wallet, its proof is valid, and goes through every head that was ever shown."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.models import Wallet
from billing.ledger.proof.export import export
from billing.ledger.proof.tests.checking import lines_of, refusal
from billing.ledger.tests.machine import LedgerMachine


class ProofMachine(LedgerMachine):
    """The ledger's own machine: it notes every head, as receipts do."""

    def __init__(self) -> None:
        super().__init__()
        self.heads: dict[int, str] = {}

    @invariant()
    def note_the_head(self) -> None:
        if (wallet := Wallet.objects.filter(pk=self.ws, seq__gt=0).first()) is not None:
            self.heads[wallet.seq] = bytes(wallet.digest).hex()

    def teardown(self) -> None:
        with clock.at(self.now):
            content = b"".join(export(Workspace.objects.get(pk=self.ws)))
        assert refusal(content, *(f"{seq}:{digest}" for seq, digest in self.heads.items())) == ""
        told = lines_of(content)[-2]["closing"]
        model = self.model
        assert (told["available"], told["held"], told["debt"]) == (model.available, model.held, model.debt)
        super().teardown()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("only_the_ledger")
@pytest.mark.parametrize(
    ("histories", "steps"), [(3, 25), pytest.param(200, 50, marks=pytest.mark.slow)], ids=["small", "full"]
)
def test_the_proof_of_any_history_is_valid(histories: int, steps: int) -> None:
    run_state_machine_as_test(
        ProofMachine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
        ),
    )
