"""A workspace whose owner agreed to automatic top-ups, with a card at the stand-in."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.due.registry import JobRun, run_due
from billing.foundation.outbox.models import OutboxMessage
from billing.gateway import checkout, payments
from billing.ledger.services import credits_grant
from billing.packs.autotopup.hints import JOB
from billing.packs.autotopup.models import AutoTopUp, TopUp, TopUpConsent
from billing.packs.autotopup.settings import auto_top_up_agree
from billing.packs.autotopup.sizing import Terms
from billing.packs.tests.conftest import connected, credits_of, look, look_failing, sound, spend
from portal.testing.simulated import SimulatedStripe

__all__ = ["JOB", "connected", "credits_of", "look", "look_failing", "sound", "spend"]

GOOD, FAILS_LATER, ASKS = "4242424242424242", "4000000000000341", "4000002760003184"
TERMS = Terms(100 * NANO, 2_000 * NANO, None, 5_000, 10_000)  # $10.00 for 2,000 below 100


@dataclass
class TopUps:
    simulated: SimulatedStripe
    workspace: Workspace
    person: User

    def save_card(self, number: str) -> payments.Card:
        saved = {card.id for card in payments.cards(self.workspace)}
        session = checkout.checkout_setup(
            workspace=self.workspace,
            currency="usd",
            back=checkout.Back("http://testserver/done", "http://testserver/left"),
            key=f"card:{number}:{len(saved)}",
            metadata={},
        )
        paid = self.simulated.pay(session.id, number)
        if "authentication" in paid.get("redirect", ""):
            self.simulated.client.post(
                f"_hosted/{paid['redirect'].partition('/simulated-stripe/')[2]}", outcome="approve"
            )
        return next(card for card in payments.cards(self.workspace) if card.id not in saved)

    def agree(self, number: str = GOOD, **terms: int | None) -> TopUpConsent:
        card = self.save_card(number)
        return self.agree_to(card.id, replace(TERMS, **terms))  # type: ignore[arg-type]

    def agree_to(self, method: str, terms: Terms = TERMS) -> TopUpConsent:
        return auto_top_up_agree(
            workspace=self.workspace,
            terms=terms,
            amount_in="money",
            method=method,
            card="Visa card ending in 4242",
            text="I agree.",
            by=self.person,
        )

    @property
    def row(self) -> AutoTopUp:
        return AutoTopUp.objects.select_related("consent").get(pk=self.workspace.pk)

    @property
    def row_exists(self) -> bool:
        return AutoTopUp.objects.filter(pk=self.workspace.pk).exists()

    @property
    def made(self) -> list[TopUp]:
        """Oldest first."""
        return list(TopUp.objects.select_related("purchase__document").order_by("pk"))

    @property
    def taken(self) -> int:
        """Cents that the stand-in took."""
        return int(self.simulated.books()["totals"].get("usd", {}).get("charge", 0))

    def mails(self, kind: str = "topup.") -> list[OutboxMessage]:
        return list(OutboxMessage.objects.filter(kind__startswith=kind).order_by("pk"))


@pytest.fixture
def top_ups(simulated: SimulatedStripe, workspace: Workspace, alice: User) -> TopUps:
    """150 credits; nothing agreed to."""
    credits_grant(workspace_id=workspace.pk, key="opening", amount=150 * NANO, label="Opening credits")
    return TopUps(simulated, workspace, alice)


Sweep = Callable[[], None]


def sweep() -> None:
    """What the worker does each minute; fails when something failed."""
    (run,) = run_due(only=JOB)
    assert run.error == "", run.error


def sweep_failing() -> JobRun:
    (run,) = run_due(only=JOB)
    assert run.error
    return run


__all__ += ["clock", "sweep", "sweep_failing"]
