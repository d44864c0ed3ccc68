"""A version's ladder of credit tiers: how it is written in a form, and what it must be. Amounts in forms are credits
and US dollars, as stored nano-credits and cents.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

from django.core.exceptions import ValidationError

from billing.credits.units import AmountOutOfRange, credits, exact_nano
from billing.plans.models import CreditTier, PlanVersion

EXAMPLE = '[{"credits": "50000", "monthly": "250", "yearly": "2500"}, {"credits": "100000", "monthly": "500"}]'
PARTS = {"credits", "monthly", "yearly"}
MOST_CENTS = 99_999_999  # of one charge at Stripe


def tiers_read(written: Any) -> list[CreditTier]:
    """Unsaved tiers of no version yet, in the order they are written; raises ValidationError."""
    if not isinstance(written, list) or any(not isinstance(each, dict) or each.keys() - PARTS for each in written):
        raise ValidationError(f"Write credit tiers as {EXAMPLE}")
    return [_tier(number, each) for number, each in enumerate(written, start=1)]


def tiers_written(tiers: Iterable[CreditTier]) -> list[dict[str, str]]:
    """The same as it is written in the form."""
    found = []
    for tier in tiers:
        each = {"credits": f"{credits(tier.monthly_credits):f}", "monthly": _dollars(tier.monthly_price_cents)}
        if tier.yearly_price_cents is not None:
            each["yearly"] = _dollars(tier.yearly_price_cents)
        found.append(each)
    return found


def ladder_problems(version: PlanVersion, tiers: Sequence[CreditTier]) -> list[str]:
    """Why these cannot be the rungs above the version's own credits and price."""
    if not tiers:
        return []
    problems = []
    if not version.monthly_credits or not version.monthly_price_cents:
        problems.append("Credit tiers are above a version's own monthly credits and price; it has none.")
    rungs: list[PlanVersion | CreditTier] = [version, *tiers]
    for number, (lower, upper) in enumerate(pairwise(rungs), start=1):
        if upper.monthly_credits <= lower.monthly_credits:
            problems.append(f"Tier {number} has no more credits than the rung below it.")
        if upper.monthly_price_cents <= lower.monthly_price_cents:
            problems.append(f"Tier {number} costs no more a month than the rung below it.")
        if (upper.yearly_price_cents is None) != (lower.yearly_price_cents is None):
            problems.append(f"Tier {number} and the rung below it are not both sold by the year.")
        elif (upper.yearly_price_cents or 0) <= (lower.yearly_price_cents or -1):
            problems.append(f"Tier {number} costs no more a year than the rung below it.")
    return problems


def _tier(number: int, each: dict[str, Any]) -> CreditTier:
    try:
        nano = exact_nano(_number(each.get("credits"), f"Tier {number}: credits"))
    except AmountOutOfRange as error:
        raise ValidationError(f"Tier {number}: {error}") from None
    if nano <= 0:
        raise ValidationError(f"Tier {number}: credits must be more than nothing.")
    return CreditTier(
        number=number,
        monthly_credits=nano,
        monthly_price_cents=_cents(each.get("monthly"), f"Tier {number}: monthly"),
        yearly_price_cents=_cents(each["yearly"], f"Tier {number}: yearly") if "yearly" in each else None,
    )


def _cents(value: Any, what: str) -> int:
    cents = _number(value, what) * 100
    if cents != int(cents) or not 0 < cents <= MOST_CENTS:
        raise ValidationError(f"{what} is US dollars, in whole cents.")
    return int(cents)


def _number(value: Any, what: str) -> Decimal:
    try:
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) >= 10**12:
        raise ValidationError(f"{what} is not a number.")
    return number


def _dollars(cents: int) -> str:
    return f"{Decimal(cents) / 100:f}"
