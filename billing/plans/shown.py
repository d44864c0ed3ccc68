"""A version in words, as a customer reads it; staff see the same before they publish it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from billing.credits.format import exact_text
from billing.foundation.site.selectors import site
from billing.invoices.money import money_text
from billing.plans.models import CreditTier, PlanVersion

Facts = list[tuple[str, str]]


def version_facts(version: PlanVersion, tiers: Sequence[CreditTier]) -> Facts:
    """(what, how much) of everything that the version gives and asks."""
    name = site().credit_name_plural
    found = [("Price", _price(version.monthly_price_cents, version.yearly_price_cents))]
    if version.trial_days:
        found.append(("Trial", f"{version.trial_days} days"))
    if version.monthly_credits:
        found.append((f"{name.capitalize()} a month", exact_text(version.monthly_credits)))
        found.append((f"Unused {name}", _rollover(version)))
    for tier in tiers:
        price = _price(tier.monthly_price_cents, tier.yearly_price_cents)
        found.append((f"Or {exact_text(tier.monthly_credits)} {name} a month", price))
    if version.monthly_credits or version.allowances:
        calendar = version.periods == PlanVersion.Periods.CALENDAR
        found.append(("A month is", "a calendar month (UTC)" if calendar else "from the day it began"))
    if version.credit_price is not None:
        found.append((f"Further {name}", f"${version.credit_price.normalize():f} each"))
    found += [(f"Included {_words(meter)}", f"{Decimal(most):,f}") for meter, most in version.allowances.items()]
    found += [(f"Most {_words(meter)} a request", f"{Decimal(m):,f}") for meter, m in version.request_limits.items()]
    found.append(("Qualities", ", ".join(each.capitalize() for each in version.qualities) or "all"))
    if version.concurrency is not None:
        found.append(("Requests at the same time", f"{version.concurrency:,}"))
    if version.overdraft:
        found.append(("May go below zero by", exact_text(version.overdraft)))
    found += terms_facts(version)
    texts = (("Support", version.support), ("Service level", version.sla), ("For", version.intended_for))
    found += [(what, text) for what, text in texts if text]
    if version.features:
        found.append(("Features", "; ".join(version.features)))
    return found


def version_differences(old: PlanVersion, new: PlanVersion) -> list[tuple[str, str, str]]:
    """(what, as `old` has it, as `new` has it) of everything in which they differ."""
    before, after = (dict(version_facts(each, list(each.credit_tiers.all()))) for each in (old, new))
    return [
        (what, before.get(what, "–"), after.get(what, "–"))
        for what in dict.fromkeys([*before, *after])
        if before.get(what) != after.get(what)
    ]


def _price(monthly: int, yearly: int | None) -> str:
    by_the_month = f"{money_text(monthly, 'usd')} a month" if monthly else "Free"
    return f"{by_the_month}, or {money_text(yearly, 'usd')} a year" if yearly is not None else by_the_month


def _rollover(version: PlanVersion) -> str:
    months = version.rollover_months
    if not months:
        return "are gone when the next month begins"
    text = f"stay {months} further month{'s' if months > 1 else ''}"
    if version.rollover_cap is not None:
        text += f", at most {exact_text(version.rollover_cap)} of them"
    return text


def terms_facts(version: PlanVersion) -> Facts:
    """What it takes off prices."""
    found = []
    if version.discounts:
        found.append(("Discounts", "; ".join(f"{each['percent']}% off {_part(each)}" for each in version.discounts)))
    if version.tiers:
        found.append(("Prices by a month’s quantity", "; ".join(map(_steps, version.tiers))))
    return found


def _part(scope: Mapping[str, Any]) -> str:
    """Of which prices."""
    named = [str(scope.get(name, "")) for name in ("provider", "model")] + [_words(str(scope.get("meter", "")))]
    return " ".join(filter(None, named)) or "every price"


def _steps(tiers: Mapping[str, Any]) -> str:
    """Of one meter; “volume” prices the whole quantity by the step that it reaches."""
    whole = " for the whole quantity" if tiers["mode"] == "volume" else ""
    steps = (
        f"from {Decimal(step['from']):,f} "
        + (f"${step['price']} per {step['per']:,}" if "price" in step else f"{step['off']}% off")
        for step in tiers["steps"]
    )
    return f"{_part(tiers)}: {', '.join(steps)}{whole}"


def _words(meter: str) -> str:
    return meter.replace("_", " ")
