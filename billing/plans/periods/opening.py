"""Opening periods, one or many at once: allowances, what unused credits may stay, and the period's credits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.ledger import store
from billing.ledger.book import Book
from billing.ledger.many import open_books
from billing.ledger.roundtrip import Statement
from billing.ledger.services import Grant, Lapse
from billing.metering.allowancerows import allowances_open
from billing.plans.calendar import Schedule
from billing.plans.included import opened_terms
from billing.plans.models import Subscription, SubscriptionChange
from billing.plans.periods.amounts import period_credits, unit_price_usd
from billing.plans.schedules import schedule_of

NAMESPACE = "plan"


def period_key(subscription: Subscription, period: int) -> str:
    """Of the operation that grants what a period gives: once per subscription and period."""
    return f"plan:{subscription.pk}:{period}"


@dataclass(frozen=True)
class Giving:
    """What one period moves in its workspace's wallet."""

    lapse: Lapse | None
    grant: Grant | None

    def reading(self, workspace_id: int) -> list[Statement]:
        found = []
        if self.lapse is not None:
            found += [store.find(workspace_id, NAMESPACE, self.lapse.key), self.lapse.reading(workspace_id)]
        if self.grant is not None:
            found += [store.find(workspace_id, NAMESPACE, self.grant.key)]
        return found

    def post(self, book: Book) -> None:
        rows = iter(book.extra)
        if self.lapse is not None:
            book.was_found(NAMESPACE, self.lapse.key, next(rows))
            self.lapse.post(book, next(rows))
        if self.grant is not None:
            book.was_found(NAMESPACE, self.grant.key, next(rows))
            self.grant.post(book)


def periods_open(subscriptions: Sequence[Subscription], *, now: datetime) -> None:
    """Give what the plans include in the period that each of these subscriptions is at, under keys of that period:
    opening it twice gives it once. Every one has its version, plan and tier with it, and a workspace of its own.

    Allowances first, then the wallets, in the order of their ids: whoever waits for one holds none of the others.
    """
    terms = [
        (subscription.workspace_id, each)
        for subscription in subscriptions
        for each in opened_terms(subscription, subscription.period)
    ]
    allowances_open(terms)
    giving = {subscription.workspace_id: _giving(subscription) for subscription in subscriptions}
    wallets = [workspace_id for workspace_id, given in giving.items() if given.lapse or given.grant]
    if not wallets:
        return
    with open_books(wallets, now=now, also=lambda workspace_id: giving[workspace_id].reading(workspace_id)) as books:
        for book in books:
            giving[book.workspace_id].post(book)


def _giving(subscription: Subscription) -> Giving:
    schedule = schedule_of(subscription)
    return Giving(_lapse(subscription, schedule), _grant(subscription, schedule))


def _lapse(subscription: Subscription, schedule: Schedule) -> Lapse | None:
    """Earlier periods leave at most the version's cap to this one, of what this version gave them: what another version
    gave stays until its own dates, as was said before the change.
    """
    cap, period = subscription.version.rollover_cap, subscription.period
    if cap is None or period < 1:
        return None
    return Lapse(
        key=f"plan-cap:{subscription.pk}:{period}",
        namespace=NAMESPACE,
        source="plan",
        since=_given_since(subscription),
        at=schedule.start(period),
        most=cap,
        reason=f"Above what the {subscription.version.plan.name} plan carries into a new period",
    )


def _given_since(subscription: Subscription) -> datetime:
    """From when on what plans gave it was given by the version it has. Stripe's news of a change comes after it: its
    credits are dated from when it took effect, which is before the version is known to be in force.
    """
    known = subscription.version_since
    if known is None:
        return subscription.anchor
    made = SubscriptionChange.objects.filter(subscription=subscription, status__in=["asked", "done"], at__lte=known)
    last = made.order_by("-at", "-pk").first()
    if last is None or last.version_id != subscription.version_id:
        return known
    return max(min(known, last.effective_at), subscription.anchor)


def _grant(subscription: Subscription, schedule: Schedule) -> Grant | None:
    period, version = subscription.period, subscription.version
    amount = period_credits(subscription, schedule, period)
    if not amount:
        return None
    starts_at = schedule.start(period)
    return Grant(
        namespace=NAMESPACE,
        key=period_key(subscription, period),
        kind="grant.plan",
        source="plan",
        amount=amount,
        label=f"{version.plan.name} plan, {starts_at:%B %Y}",
        effective_at=starts_at,
        expires_at=schedule.credits_until(period, rollover_months=version.rollover_months),
        unit_price_usd=unit_price_usd(subscription, schedule, period),
        actor="system",
    )
