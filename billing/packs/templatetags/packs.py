"""Template filters of packs: `{{ offer.unit_price|per_credit:offer.pack.currency }}`."""

from decimal import Decimal

from django import template

from billing.invoices.money import minor_units, unit_text
from billing.packs import presenting
from billing.packs.models import MoneyBack, Purchase

register = template.Library()


@register.filter
def per_credit(amount: Decimal, currency: str) -> str:
    """What one credit costs, with four significant decimals."""
    return unit_text(minor_units(round(amount, 6).normalize(), currency), currency)


@register.filter
def back_state(back: MoneyBack) -> str:
    return presenting.back_state(back)


@register.filter
def state(purchase: Purchase) -> str:
    return presenting.state(purchase)


@register.filter
def credits_out(purchase: Purchase) -> int:
    return presenting.credits_out(purchase)
