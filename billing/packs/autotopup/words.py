"""Sentences about automatic top-ups: what is agreed to, why a card is charged, what happens next."""

from billing.credits.format import credits_text
from billing.foundation.site.selectors import site
from billing.invoices.money import money_text
from billing.packs.autotopup.sizing import Capped, Charge, Charged, Terms, cents_for, size

NAME = "Automatic top-up"


def money(cents: int) -> str:
    return money_text(cents, "usd")


def units(nano: int) -> str:
    return f"{credits_text(nano)} {site().credit_name_plural}"


def each(terms: Terms) -> str:
    """How much a charge is."""
    if terms.target is not None:
        return f"what brings it up to {units(terms.target)}"
    price = money(cents_for(terms.amount, site().usd_per_credit))
    return f"{price} for {units(terms.amount)}, as often as it takes to be above that again, in one charge"


def agreement(terms: Terms, *, workspace: str, card: str, time_zone: str) -> str:
    """What a person agrees to, as it stands on the page; kept with the agreement."""
    return (
        f"I allow {site().product_name} to charge the {card} without asking each time, whenever the balance of"
        f" {workspace} falls below {units(terms.threshold)}: {each(terms)}. At most {money(terms.day_cap)} a day and"
        f" {money(terms.month_cap)} a calendar month ({time_zone}) are charged. Every charge comes with an e-mail"
        " that gives its reason, and an invoice. This can be switched off at any time; a charge that is on its way"
        " then is completed."
    )


def reason(balance: int, terms: Terms, charge: Charge) -> str:
    """Why the card is charged, and why so much."""
    below = f"The balance was {units(balance)}, below {units(terms.threshold)}"
    if not charge.steps:
        return f"{below}; up to {units(balance + charge.credits)}"
    return f"{below}; {charge.steps} × {units(terms.amount)}"


def preview(terms: Terms, charged: Charged, balance: int, *, on: bool) -> str:
    """What the next charge would be."""
    rate = site().usd_per_credit
    at = min(balance, terms.threshold - 1)
    found = size(balance=at, terms=terms, charged=charged, usd_per_credit=rate)
    so_far = f"this month {money(charged.month)} of at most {money(terms.month_cap)} were charged."
    if isinstance(found, Capped):
        cap = terms.month_cap if found.period == "month" else terms.day_cap
        until = "next month" if found.period == "month" else "tomorrow"
        return f"Nothing more is charged before {until}: the {money(cap)} of this {found.period} are reached."
    cents = found.cents if found else 0
    start = "The next charge would be" if on else "If this was on, the next charge would be"
    return f"{start} {money(cents)} when the balance falls below {units(terms.threshold)}; {so_far}"
