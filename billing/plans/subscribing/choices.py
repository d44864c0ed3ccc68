"""What a workspace can subscribe to: versions of plans, their credit tiers, by the month or by the year."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accounts.models import Workspace
from billing.foundation.site.selectors import site
from billing.plans.models import CreditTier, Interval, Plan, PlanVersion, Subscription
from billing.plans.selectors import current_subscription, newest_version


@dataclass(frozen=True)
class Choice:
    """One of them. Money is US cents, credits are nano-credits."""

    version: PlanVersion
    tier: CreditTier | None = None
    interval: str = Interval.NONE

    @property
    def key(self) -> tuple[int, int | None, str]:
        return self.version.pk, self.tier.pk if self.tier else None, self.interval

    @property
    def monthly_credits(self) -> int:
        return self.tier.monthly_credits if self.tier else self.version.monthly_credits

    @property
    def price_cents(self) -> int:
        """For one interval; 0 when nothing is paid through Stripe."""
        if self.interval == Interval.NONE:
            return 0
        return price_of(self.version, self.tier, self.interval) or 0

    @property
    def lookup_key(self) -> str:
        """Of its price at Stripe: the same for ever, for a published version never changes."""
        number = self.tier.number if self.tier else 0
        return f"plan:{self.version.plan.key}:v{self.version.number}:t{number}:{self.interval}"

    @property
    def name(self) -> str:
        """As people read it, on invoices too."""
        tier = f", tier {self.tier.number}" if self.tier else ""
        every = {Interval.MONTH: ", monthly", Interval.YEAR: ", yearly"}.get(Interval(self.interval), "")
        return f"{self.version.plan.name} plan{tier}{every}"


@dataclass(frozen=True)
class Offer:
    """A plan as it is shown to choose from."""

    version: PlanVersion
    tiers: Sequence[CreditTier]
    by_year: bool  # its own price, or a tier's, can be paid by the year

    @property
    def free(self) -> bool:
        return not self.version.monthly_price_cents and not self.version.yearly_price_cents and not self.tiers


def price_of(version: PlanVersion, tier: CreditTier | None, interval: str) -> int | None:
    """US cents for one interval; None when it is not sold so."""
    sold = tier or version
    return sold.yearly_price_cents if interval == Interval.YEAR else sold.monthly_price_cents


def choice_of(subscription: Subscription) -> Choice:
    """What a subscription is on."""
    return Choice(subscription.version, subscription.credit_tier, subscription.interval)


def next_choice(subscription: Subscription) -> Choice | None:
    """What it changes to when its paid time is over."""
    if subscription.next_version is None:
        return None
    return Choice(subscription.next_version, subscription.next_credit_tier, subscription.next_interval)


def waits(before: Choice, choice: Choice) -> bool:
    """Whether it begins when the paid time is over: what is cheaper, and the other interval. Begun at once, that would
    have Stripe give back the rest of a month whose credits stay, and what is granted has to be paid for.
    """
    if before.interval != choice.interval:
        return True
    return (choice.price_cents, choice.monthly_credits) < (before.price_cents, before.monthly_credits)


def offers_for(workspace: Workspace, *, newest: bool = False) -> list[Offer]:
    """The newest version of each plan that everybody may choose, in the operator's order; and in place of its newest
    the version that the workspace is on, unless the `newest` is asked for.
    """
    current = current_subscription(workspace.pk)
    own = current.version if current else None
    published = PlanVersion.objects.filter(published_at__isnull=False).exclude(plan__visibility="retired")
    versions = (
        published.filter(plan__visibility=Plan.Visibility.PUBLIC)
        .select_related("plan")
        .prefetch_related("credit_tiers")
        .order_by("plan__position", "plan__key", "-number")
        .distinct("plan__position", "plan__key")
    )
    keeps = own.plan_id if own and not newest else None
    return [offer_of(own if own and version.plan_id == keeps else version) for version in versions]


def offer_of(version: PlanVersion) -> Offer:
    tiers = list(version.credit_tiers.all())
    by_year = version.yearly_price_cents is not None or any(tier.yearly_price_cents is not None for tier in tiers)
    return Offer(version, tiers, by_year)


def choices_for(workspace: Workspace, *, newest: bool = False) -> Iterator[Choice]:
    """Each combination that can be asked for."""
    for offer in offers_for(workspace, newest=newest):
        if offer.free:
            yield Choice(offer.version)
            continue
        for tier in [None, *offer.tiers]:
            for interval in (Interval.MONTH, Interval.YEAR):
                if price_of(offer.version, tier, interval):
                    yield Choice(offer.version, tier, interval)


def choice_find(workspace: Workspace, *, plan: str, tier: int, interval: str, newest: bool = False) -> Choice | None:
    """`tier` 0 is the plan's own amount of credits; `interval` is ignored for a plan that costs nothing. Of the plan
    that the workspace is on it is the version that it has, unless the `newest` is asked for.
    """
    for choice in choices_for(workspace, newest=newest):
        number = choice.tier.number if choice.tier else 0
        if (choice.version.plan.key, number) == (plan, tier) and choice.interval in ("", interval):
            return choice
    return None


def newer_choice(subscription: Subscription) -> Choice | None:
    """What it has in the newest version of its plan, where it pays for an older one; None where that is not sold in its
    tier and interval, or not to everybody.
    """
    if not subscription.stripe_id:
        return None
    version, own = newest_version(subscription.version.plan.key), subscription.credit_tier
    if version is None or version.pk == subscription.version_id or version.plan.visibility != Plan.Visibility.PUBLIC:
        return None
    tier = version.credit_tiers.filter(number=own.number).first() if own else None
    if (own and not tier) or not price_of(version, tier, subscription.interval):
        return None
    return Choice(version, tier, subscription.interval)


def choice_of_lookup_key(key: str) -> Choice | None:
    """What the price of that key stands for; None for one that is not ours."""
    parts = key.split(":")
    if len(parts) != 5 or parts[0] != "plan" or parts[4] not in (Interval.MONTH, Interval.YEAR):
        return None
    version = PlanVersion.objects.filter(plan__key=parts[1], number=_digits(parts[2])).select_related("plan").first()
    if version is None:
        return None
    number = _digits(parts[3])
    tier = version.credit_tiers.filter(number=number).first() if number else None
    return Choice(version, tier, parts[4]) if tier or not number else None


def _digits(text: str) -> int:
    return int(text[1:]) if text[1:].isdecimal() and len(text) < 10 else -1


def default_choice() -> Choice | None:
    """The plan that a workspace is on which pays for none; None when the site's default plan costs something."""
    version = newest_version(site().default_plan)
    return Choice(version) if version and not version.monthly_price_cents else None


def higher_tier(subscription: Subscription) -> Choice | None:
    """The next rung of credits of its own version, for the same interval."""
    above = subscription.credit_tier.number if subscription.credit_tier else 0
    for tier in subscription.version.credit_tiers.filter(number__gt=above).order_by("number"):
        if price_of(subscription.version, tier, subscription.interval):
            return Choice(subscription.version, tier, subscription.interval)
    return None
