"""The days of a story through the real services, with the job once a day."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.models import Workspace
from billing.ledger.models import Lot
from billing.ledger.selectors import balance, lots
from billing.ledger.services import credits_adjust
from billing.plans.models import CreditTier, Plan, PlanVersion, Subscription
from billing.plans.periods.due import roll
from billing.plans.periods.tests.expected import Fact, Offer
from billing.plans.periods.tests.stories import BY_ANCHOR, CALENDAR, DAY, END, FREE, START, TWO, TWO_UP, story
from billing.plans.services import plan_start, subscription_end, subscription_paid, subscription_start, version_change

Job = Callable[[datetime], None]


def job(now: datetime) -> None:
    """The due job of a day; asked in full only where a period has begun at all, for there are a thousand days."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM plans_subscription WHERE ended_at IS NULL AND next_period_at <= %s", [now])
        if cursor.fetchone() is None:
            return
    while roll(now=now):
        pass


def publish() -> None:
    """The plans of the stories; the free one is the site's default."""
    for offer in (FREE, *BY_ANCHOR, CALENDAR):
        if offer is not TWO_UP:
            _publish(offer)
    version = PlanVersion.objects.get(plan__key=TWO.name)
    CreditTier.objects.create(
        version=version,
        number=1,
        monthly_credits=TWO_UP.credits,
        monthly_price_cents=TWO_UP.cents,
        yearly_price_cents=TWO_UP.yearly_cents,
    )


def _publish(offer: Offer) -> None:
    plan, _ = Plan.objects.get_or_create(key=offer.name, defaults={"name": offer.name.title()})
    PlanVersion.objects.create(
        plan=plan,
        number=9,
        monthly_price_cents=offer.cents,
        yearly_price_cents=offer.yearly_cents or None,
        monthly_credits=offer.credits,
        rollover_months=offer.rollover,
        rollover_cap=offer.cap,
        periods="calendar" if offer.calendar else "anniversary",
        published_at=START,
    )


class Simulation:
    """Some customers, by seed. `outage`: between these instants nothing runs but their usage; what Stripe said is heard
    afterwards.
    """

    def __init__(self, seeds: Sequence[int], outage: tuple[datetime, datetime] | None = None) -> None:
        publish()
        self.outage = outage
        versions = PlanVersion.objects.filter(number=9).select_related("plan")
        self.versions = {version.plan.key: version for version in versions}
        self.tier = CreditTier.objects.get(version__plan__key=TWO.name)
        self.workspaces = Workspace.objects.bulk_create([Workspace(name=f"Customer {seed}") for seed in seeds])
        self.stories = dict(zip(self.workspaces, map(story, seeds), strict=True))

    def run(self, job: Job = job) -> None:
        facts = ((fact, workspace) for workspace, story in self.stories.items() for fact in story)
        waiting = deque(sorted(facts, key=lambda each: (each[0].at, each[1].pk)))
        unheard: list[tuple[Fact, Workspace]] = []
        for day in days():
            out = self._is_out(day)
            if not out:
                for fact, workspace in unheard:
                    self.apply(fact, workspace, now=day)
                unheard.clear()
                job(day)
            while waiting and waiting[0][0].at < day + DAY:
                fact, workspace = waiting.popleft()
                if out and fact.kind != "spend":
                    unheard.append((fact, workspace))
                else:
                    self.apply(fact, workspace, now=fact.at)

    def _is_out(self, at: datetime) -> bool:
        return self.outage is not None and self.outage[0] <= at < self.outage[1]

    def apply(self, fact: Fact, workspace: Workspace, *, now: datetime) -> None:
        """Let it happen; all but a change and spending may be told again."""
        stripe_id = f"sub_{workspace.pk}_{fact.subscription}" if fact.subscription else None
        if fact.kind == "spend":
            spend(workspace, fact)
        elif fact.kind == "start" and fact.offer is not None:
            if stripe_id is None:
                plan_start(workspace=workspace, now=fact.at)
                return
            version, tier = self._sold(fact.offer)
            subscription_start(
                workspace=workspace,
                version=version,
                credit_tier=tier,
                interval=fact.interval,
                stripe_id=stripe_id,
                paid_until=fact.until,
                at=fact.at,
                now=now,
            )
        else:
            self._go_on(fact, Subscription.objects.get(stripe_id=stripe_id), now)

    def _go_on(self, fact: Fact, subscription: Subscription, now: datetime) -> None:
        at = fact.since or fact.at
        if fact.kind == "paid" and fact.until is not None:
            subscription_paid(subscription.pk, until=fact.until, now=now)
        elif fact.kind == "change" and fact.offer is not None:
            version, tier = self._sold(fact.offer)
            version_change(subscription.pk, version, credit_tier=tier, at=at, now=now)
        elif fact.kind == "end":
            subscription_end(subscription.pk, at=at, now=now)

    def _sold(self, offer: Offer) -> tuple[PlanVersion, CreditTier | None]:
        return self.versions[offer.name], self.tier if offer is TWO_UP else None


def spend(workspace: Workspace, fact: Fact) -> None:
    """As much of it as is there."""
    amount = min(fact.amount, balance(workspace.pk, fact.at).available)
    if amount:
        key = f"spend {fact.at}"
        credits_adjust(workspace_id=workspace.pk, key=key, amount=-amount, reason="Used", actor="test", now=fact.at)


def days() -> Iterator[datetime]:
    day = START
    while day <= END:
        yield day
        day += DAY


def found_lots(workspace: Workspace) -> list[tuple[Any, ...]]:
    """As `expected_lots` tells them."""
    left = {row.id: row.remaining for row in lots(workspace.pk, END)}
    return sorted(
        (lot.amount, lot.effective_at, lot.expires_at, lot.unit_price_usd, left[lot.pk])
        for lot in Lot.objects.filter(workspace=workspace)
    )
