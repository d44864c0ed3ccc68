"""Amounts and times of add-ons as people read them."""

from billing.credits.format import credits_text
from billing.credits.units import NANO
from billing.foundation.site.selectors import site

HUNDREDTH = NANO // 100


def in_credits(nano: int) -> str:
    """ "1 credit", "2.5 credits", with the name that the operator gave them; rounded as people read amounts."""
    names = site()
    return f"{credits_text(nano)} {names.credit_name if nano == NANO else names.credit_name_plural}"


def to_add(missing: int) -> str:
    """What adding makes up for `missing` nano-credits: rounded up to a hundredth of a credit, so that it is enough."""
    return in_credits(-(-missing // HUNDREDTH) * HUNDREDTH)


def short_of(needed: int, available: int) -> str:
    return (
        f"This needs {in_credits(needed)} now; {credits_text(available)} are available. Nothing was charged or changed."
        f" Add {to_add(needed - available)}, and try again."
    )
