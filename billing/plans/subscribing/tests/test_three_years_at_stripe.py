"""Three years of subscriptions that exist at Stripe: it renews, charges, declines and ends them, signed webhooks tell a
real web server, and every lot is what an independent calculation says.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from django.db.models import Min
from djstripe.models import Event, WebhookEventTrigger

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.gateway.endpoint import connect
from billing.gateway.subscriptions import subscription
from billing.ledger.models import Lot, Transfer
from billing.ledger.verify import verify
from billing.plans.models import Subscription, SubscriptionNotice
from billing.plans.periods.tests.expected import expected_lots
from billing.plans.periods.tests.simulation import found_lots, publish, spend
from billing.plans.periods.tests.stories import DAY, END, FREE, START, TWO_UP
from billing.plans.services import plan_start
from billing.plans.subscribing.following import subscription_follow
from billing.plans.subscribing.looks import CLOCK
from billing.plans.subscribing.notices import JOB
from billing.plans.subscribing.tests.conftest import GOOD, Till
from billing.plans.subscribing.tests.lives import LIVES, Deed, Life
from billing.plans.webhooks import OTHERS, SUBSCRIPTIONS
from portal.testing.simulated import SimulatedStripe

JOBS = (JOB, "plan_periods", "plan_ends")
SOON = timedelta(seconds=20)  # less than it takes until the clock finds out by itself that a paid time is over
TOLD = {*SUBSCRIPTIONS, *OTHERS}
slow = pytest.mark.slow


class Customer(Till):
    """One of several, whose clock is Stripe's, which stands still while something happens."""

    def __init__(self, simulated: SimulatedStripe, life: Life, person: User) -> None:
        super().__init__(simulated, Workspace.objects.create(name=life.name), person)
        self.life = life

    @contextmanager
    def time(self) -> Iterator[datetime]:
        now = datetime.fromtimestamp(self.simulated.control("clock")["now"], UTC)
        with clock.at(now):
            yield now

    def do(self, deed: Deed) -> None:
        if deed.do == "begin":
            change = self.confirm(self._shown(deed))
            assert "redirect" in self.simulated.pay(str(change.session_id), GOOD)
        elif deed.do == "change":
            assert self.confirm(self._shown(deed)).status == "done"
        elif deed.do == "card":
            self.card(deed.token)
        elif deed.do == "pay":
            invoice = stripe.Subscription.retrieve(str(self.row.stripe_id)).latest_invoice
            self.simulated.client.post(f"_hosted/invoices/{invoice}/pay", number=GOOD)
        else:
            assert self.confirm(self.shown(kind=deed.do)).status == "done"

    def _shown(self, deed: Deed) -> Any:
        assert deed.offer is not None
        return self.shown(deed.offer.name, deed.interval, 1 if deed.offer is TWO_UP else 0)


class ThreeYears:
    """`daily`: the jobs run every day, and ask Stripe also when nothing was heard. Else they run whenever something
    happens or is due, and know nothing but what webhooks told.
    """

    def __init__(self, simulated: SimulatedStripe, lives: Sequence[Life], person: User, *, daily: bool) -> None:
        publish()
        self.simulated, self.daily = simulated, daily
        simulated.control("clock/stop", at=int(START.timestamp()))
        self.customers = [Customer(simulated, life, person) for life in lives]
        for customer in self.customers:
            with customer.time():
                plan_start(workspace=customer.workspace)
        deeds = [(deed.at, customer, deed) for customer in self.customers for deed in customer.life.deeds]
        spent = [(fact.at, customer, fact) for customer in self.customers for fact in customer.life.facts]
        self._deeds = sorted(deeds, key=lambda each: each[0])
        self._spent = sorted((each for each in spent if each[2].kind == "spend"), key=lambda each: each[0])

    def run(self) -> None:
        at = START
        while at < END:
            following = self._next(at)
            while self._spent and self._spent[0][0] < following:
                _, customer, fact = self._spent.pop(0)
                spend(customer.workspace, fact)
            self.simulated.advance(seconds=int((following - at).total_seconds()))
            at = following
            while self._deeds and self._deeds[0][0] == at:
                _, customer, deed = self._deeds.pop(0)
                customer.do(deed)
            self.simulated.settle(60)
            attend(at + SOON, told_only=not self.daily)

    def _next(self, at: datetime) -> datetime:
        """When something happens after `at`: here, at Stripe, or by a customer."""
        found = [END, *[deed[0] for deed in self._deeds[:1]], *self._due_at_stripe(at)]
        opens = Subscription.objects.filter(ended_at=None, next_period_at__gt=at).aggregate(at=Min("next_period_at"))
        found += [opens["at"]] if opens["at"] else []
        found += [at.replace(hour=0, minute=0, second=0) + DAY] if self.daily else []
        return min(found)

    def _due_at_stripe(self, at: datetime) -> Iterator[datetime]:
        """Renewals and retries."""
        store = self.simulated.server.world.store
        with store.transaction():
            stamps = [one["items"]["data"][0]["current_period_end"] for one in store.look("subscription")]
            stamps += [one["next_payment_attempt"] for one in store.look("invoice") if one["next_payment_attempt"]]
        return (found for stamp in stamps if (found := datetime.fromtimestamp(stamp, UTC)) > at)

    def assert_as_expected(self) -> None:
        for customer in self.customers:
            life = customer.life
            assert found_lots(customer.workspace) == expected_lots(life.facts, FREE, END), life.name
            assert verify(workspace_id=customer.workspace.pk).problems == []


def attend(now: datetime, *, told_only: bool) -> None:
    """What the worker does; fails when something failed. The web server noted by its own clock what it heard."""
    heard = SubscriptionNotice.objects.exclude(about=CLOCK)
    heard.update(at=now)
    if told_only:
        SubscriptionNotice.objects.filter(about=CLOCK).delete()
    with clock.at(now):
        for job in JOBS:
            (run,) = run_due(only=job)
            assert run.error == "", run.error
    assert not heard.exists()


def state() -> list[Any]:
    """Everything that the same news could change but when Stripe was asked last."""
    fields = [field.attname for field in Subscription._meta.concrete_fields if field.name != "asked_at"]
    rows: list[Any] = list(Subscription.objects.order_by("pk").values_list(*fields))
    rows += Lot.objects.order_by("pk").values_list("pk", "amount", "remaining", "effective_at", "expires_at")
    return [*rows, Transfer.objects.count(), Workspace.objects.count()]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("lives", "daily"),
    [(LIVES[1:3], False), pytest.param(LIVES, False, marks=slow), pytest.param(LIVES[3:], True, marks=slow)],
    ids=["two", "five", "two day by day"],
)
def test_every_lot_is_as_calculated_and_the_same_news_again_change_nothing(
    simulated: SimulatedStripe, live_server: Any, settings: Any, alice: User, lives: Sequence[Life], daily: bool
) -> None:
    settings.STRIPE_WEBHOOK_BASE = settings.SITE_URL = live_server.url
    connect()
    years = ThreeYears(simulated, lives, alice, daily=daily)
    years.run()
    years.assert_as_expected()
    heard = Counter(Event.objects.values_list("type", flat=True))
    assert heard["invoice.payment_failed"] == sum(life.declined for life in lives)
    ends = [fact for life in lives for fact in life.facts if fact.kind == "end"]
    assert heard["customer.subscription.deleted"] == len(ends)
    assert not WebhookEventTrigger.objects.exclude(valid=True, processed=True).exists()
    before = state()
    again = list(Event.objects.filter(type__in=TOLD).values_list("id", flat=True))
    Event.objects.all().delete()  # as after the days that they are kept for: they are looked at anew
    for place, event in enumerate(again, 1):
        simulated.control("deliveries/again", event=event)
        if place % 20 == 0:
            simulated.settle(60)
    simulated.settle(60)
    assert set(Event.objects.values_list("id", flat=True)) == set(again)
    assert SubscriptionNotice.objects.exclude(about=CLOCK).count() >= len(again) - 2  # of Checkout only what it began
    attend(END + SOON, told_only=not daily)
    for stripe_id in Subscription.objects.exclude(stripe_id=None).values_list("stripe_id", flat=True):
        with clock.at(END + SOON):
            subscription_follow(subscription(stripe_id))
    assert state() == before
    years.assert_as_expected()
