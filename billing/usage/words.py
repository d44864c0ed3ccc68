"""Amounts as refusals say them."""

from billing.credits.units import NANO, credits
from billing.foundation.site.selectors import site


def in_credits(nano: int) -> str:
    """An amount with the name that the operator gave to credits: "1 credit", "2.5 credits"."""
    names = site()
    return f"{credits(nano):f} {names.credit_name if nano == NANO else names.credit_name_plural}"
