"""Plans to subscribe to, a stand-in whose clock begins in January, and what moves a subscription on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.due.registry import run_due
from billing.gateway.checkout import Back
from billing.gateway.endpoint import connect
from billing.gateway.subscriptions import subscription
from billing.ledger.models import Lot
from billing.ledger.verify import verify
from billing.plans.models import CreditTier, Plan, PlanVersion, Subscription, SubscriptionChange
from billing.plans.selectors import current_subscription
from billing.plans.services import plan_start
from billing.plans.subscribing.change import change_confirm, change_look
from billing.plans.subscribing.choices import Choice, choice_find
from billing.plans.subscribing.following import subscription_follow
from billing.plans.subscribing.notices import JOB
from billing.plans.subscribing.preview import change_preview
from portal.testing.simulated import SimulatedStripe

START = datetime(2026, 1, 31, 10, tzinfo=UTC)
AHEAD = timedelta(seconds=20)
GOOD, DECLINED, SECURE, LATER_DECLINED = (
    "4242424242424242",
    "4000000000000002",
    "4000002760003184",
    "4000000000000341",
)


def version_of(
    key: str, position: int, cents: int, credits: int, *, tiers: tuple[tuple[int, int], ...] = (), **more: Any
) -> PlanVersion:
    """A published plan; a year costs ten months. Tiers: (credits, US cents a month)."""
    plan = Plan.objects.create(key=key, name=key.capitalize(), position=position)
    version = PlanVersion.objects.create(
        plan=plan,
        number=1,
        monthly_price_cents=cents,
        yearly_price_cents=cents * 10,
        monthly_credits=credits * NANO,
        published_at=clock.now(),
        **more,
    )
    for number, (amount, price) in enumerate(tiers, 1):
        CreditTier.objects.create(
            version=version,
            number=number,
            monthly_credits=amount * NANO,
            monthly_price_cents=price,
            yearly_price_cents=price * 10,
        )
    return version


@pytest.fixture
def plans(db: None) -> None:
    version_of("plus", 30, 2_000, 1_000, allowances={"input_characters": "5000"})
    tiers = ((8_000, 9_000), (16_000, 17_000))
    version_of("team", 40, 5_000, 4_000, tiers=tiers, rollover_months=2, allowances={"input_characters": "9000"})
    version_of("trial", 50, 3_000, 2_000, trial_days=14)


class Till:
    """A workspace on the free plan, and the stand-in it pays at; the portal's clock follows the stand-in's."""

    def __init__(self, simulated: SimulatedStripe, workspace: Workspace, person: User) -> None:
        self.simulated, self.workspace, self.person = simulated, workspace, person
        self._count = 0
        with simulated.server.world.store.transaction():
            world = simulated.server.world
            world.setting("clock")["ahead"] = int(START.timestamp()) - world.now()

    @contextmanager
    def time(self) -> Iterator[datetime]:
        """A little ahead of the stand-in, whose clock goes on meanwhile."""
        with self.simulated.server.world.store.transaction():
            now = datetime.fromtimestamp(self.simulated.server.world.now(), UTC) + AHEAD
        with clock.at(now):
            yield now

    def advance(self, **by: int) -> None:
        """The stand-in's clock goes on; the portal hears of it by `look`."""
        self.simulated.advance(**by)

    def choice(self, plan: str, interval: str = "month", tier: int = 0, *, newest: bool = False) -> Choice:
        found = choice_find(self.workspace, plan=plan, tier=tier, interval=interval, newest=newest)
        assert found is not None
        return found

    def shown(self, *what: Any, kind: str = "", **choice: Any) -> SubscriptionChange:
        self._count += 1
        with self.time():
            chosen = self.choice(*what, **choice) if what else None
            return change_preview(
                workspace=self.workspace, choice=chosen, kind=kind, key=f"k{self._count}", actor=self.person
            )[0]

    def confirm(self, change: SubscriptionChange) -> SubscriptionChange:
        with self.time():
            return change_confirm(change=change, back=lambda _: Back("http://testserver/a", "http://testserver/b"))

    def change(self, *what: Any, **choice: Any) -> SubscriptionChange:
        return self.confirm(self.shown(*what, **choice))

    def start(self, plan: str, interval: str = "month", tier: int = 0, card: str = GOOD) -> Subscription:
        change = self.change(plan, interval, tier)
        assert "redirect" in self.simulated.pay(str(change.session_id), card)
        with self.time():
            change = change_look(change)
        assert change.status == "done"
        return self.row

    def look(self) -> None:
        """What the worker does with what is due; fails when something failed."""
        with self.time():
            for job in (JOB, "plan_periods"):
                (run,) = run_due(only=job)
                assert run.error == "", run.error

    def asked_anew(self) -> None:
        """Stripe is asked although nothing was heard."""
        with self.time():
            subscription_follow(subscription(str(self.row.stripe_id)))

    @property
    def row(self) -> Subscription:
        found = current_subscription(self.workspace.pk)
        assert found is not None
        return found

    def lots(self) -> list[tuple[int, datetime, datetime | None]]:
        """Credits, from when, until when; as they were granted."""
        lots = Lot.objects.filter(workspace=self.workspace, source="plan").order_by("effective_at", "pk")
        return [(lot.amount // NANO, lot.effective_at, lot.expires_at) for lot in lots]

    def charged(self) -> int:
        return int(self.simulated.books()["totals"].get("usd", {}).get("charge", 0))

    def card(self, token: str) -> None:
        """Another card is the one that is charged."""
        from billing.gateway.customers import customer_id

        customer = str(customer_id(self.workspace))
        method = stripe.PaymentMethod.attach(token, customer=customer)
        stripe.Customer.modify(customer, invoice_settings={"default_payment_method": method.id})
        stripe.Subscription.modify(str(self.row.stripe_id), default_payment_method=method.id)

    def sound(self) -> None:
        assert verify(workspace_id=self.workspace.pk).problems == []


def _till(simulated: SimulatedStripe, workspace: Workspace, alice: User) -> Till:
    till = Till(simulated, workspace, alice)
    with till.time():
        plan_start(workspace=workspace)
    return till


@pytest.fixture
def till(simulated: SimulatedStripe, plans: None, workspace: Workspace, alice: User) -> Till:
    """The stand-in tells nobody: work by the clock has to find out."""
    return _till(simulated, workspace, alice)


@pytest.fixture
def connected_till(
    simulated_file: SimulatedStripe, live_server: Any, settings: Any, plans: None, workspace: Workspace, alice: User
) -> Till:
    """Webhooks arrive at the real view of a real web server."""
    settings.STRIPE_WEBHOOK_BASE = settings.SITE_URL = live_server.url
    connect()
    return _till(simulated_file, workspace, alice)


Begin = Callable[..., Subscription]
