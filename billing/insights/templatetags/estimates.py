"""Filters of the pages that look ahead. Amounts here are Decimal credits and USD, exact."""

from decimal import ROUND_UP, Decimal

from django import template
from django.forms import Form
from django.forms.boundfield import BoundField

from billing.credits.format import MINUS, dollars_text
from billing.pricing.tariff import EXACT

register = template.Library()

MOST_DECIMALS = Decimal("1e-12")


@register.filter
def exactly(amount: Decimal) -> str:
    """Every decimal, up to twelve: "19.26", "1,204.000000000012"; "…" follows where there are more."""
    return _exactly(amount, least=0)


@register.filter
def exact_dollars(usd: Decimal) -> str:
    """The same in dollars, with cents: "$0.0963", "$12.00"."""
    text = _exactly(usd, least=2)
    return f"{MINUS}${text[1:]}" if usd < 0 else f"${text}"


def _exactly(amount: Decimal, *, least: int) -> str:
    cut = amount.quantize(MOST_DECIMALS, context=EXACT)
    whole, _, decimals = f"{abs(cut):,f}".partition(".")
    decimals = decimals.rstrip("0").ljust(least, "0")
    more = "" if cut == amount else "…"
    return (MINUS if amount < 0 else "") + whole + ("." if decimals or more else "") + decimals + more


@register.filter
def price(usd: Decimal) -> str:
    """Rounded up, as every line of an estimate is: to cents, below a dollar to two digits at least."""
    return dollars_text(usd, rounding=ROUND_UP)


@register.filter
def field(form: Form, name: str) -> BoundField:
    return form[name]


@register.filter
def part(mapping: dict[str, object], key: str) -> object:
    return mapping.get(key)


@register.filter
def minus(amount: Decimal) -> Decimal:
    return -amount
