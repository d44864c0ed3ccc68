"""Template filters for amounts in nano-credits: `{{ nano|credits }}`, `{{ nano|usd:site.usd_per_credit }}`."""

from decimal import Decimal

from django import template

from billing.credits import format

register = template.Library()


@register.filter
def credits(nano: int | None) -> str:
    """Credits rounded to the magnitude."""
    return "" if nano is None else format.credits_text(int(nano))


@register.filter
def credits_exact(nano: int | None) -> str:
    """Every decimal the ledger holds."""
    return "" if nano is None else format.exact_text(int(nano))


@register.filter
def usd(nano: int | None, usd_per_credit: Decimal) -> str:
    """What nano-credits are worth at face value."""
    return "" if nano is None else format.usd_text(int(nano), Decimal(usd_per_credit))


@register.filter
def dollars(amount: Decimal | None) -> str:
    """An amount that is in dollars already (published prices, costs)."""
    return "" if amount is None else format.dollars_text(Decimal(amount))


@register.filter
def rate(usd: Decimal | None) -> str:
    """A price of a unit in dollars, with the digits that providers publish."""
    return "" if usd is None else format.rate_text(usd)


@register.filter
def credit_rate(credits: Decimal | None) -> str:
    """A price of a unit in credits, which may be finer than nano-credits."""
    return "" if credits is None else format.credit_rate_text(credits)
