"""What a period is worth. Credits are nano-credits, prices US cents a month."""

from decimal import Context, Decimal
from fractions import Fraction

from billing.credits.units import NANO
from billing.plans.calendar import Schedule
from billing.plans.models import CreditTier, Interval, PlanVersion, Subscription

EXACT = Context(prec=50)


def credits_a_month(version: PlanVersion, tier: CreditTier | None) -> int:
    return tier.monthly_credits if tier is not None else version.monthly_credits


def cents_a_month(version: PlanVersion, tier: CreditTier | None, interval: str) -> Fraction | None:
    """What a month costs when it is paid like this; a year is twelve months. None: not sold like this."""
    sold: PlanVersion | CreditTier = tier if tier is not None else version
    if interval == Interval.YEAR:
        yearly = sold.yearly_price_cents
        return None if yearly is None else Fraction(yearly, 12)
    return Fraction(sold.monthly_price_cents)


def period_credits(subscription: Subscription, schedule: Schedule, period: int) -> int:
    """What the period gives; of a first calendar month that begins in its middle the part that is left of it."""
    return int(credits_a_month(subscription.version, subscription.credit_tier) * schedule.share(period))


def unit_price_usd(subscription: Subscription, schedule: Schedule, period: int) -> Decimal | None:
    """US dollars paid per credit of the period; None where nothing is paid: without Stripe, in a trial, for free."""
    trial_until = subscription.trial_until
    if not subscription.interval or (trial_until is not None and schedule.start(period) < trial_until):
        return None
    credits = credits_a_month(subscription.version, subscription.credit_tier)
    cents = cents_a_month(subscription.version, subscription.credit_tier, subscription.interval)
    if not cents or not credits:
        return None
    price = cents * NANO / (100 * credits)
    return EXACT.divide(Decimal(price.numerator), Decimal(price.denominator))
