"""The lines of an invoice, and what they come to with discounts and taxes."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from portal.standin.billing.discounts import taken_off
from portal.standin.errors import Json
from portal.standin.money import rounded, share
from portal.standin.world import World, new_id


@dataclass
class Draft:
    """A line before it is part of an invoice. `amount` without discounts, with taxes only if they are inclusive."""

    amount: int
    words: str
    start: int
    end: int
    quantity: int | None = 1
    price: Json | None = None
    rates: list[str] = field(default_factory=list)
    subscription: str | None = None
    item: str | None = None  # of the subscription
    invoice_item: str | None = None
    proration: bool = False
    discountable: bool = True
    metadata: Json = field(default_factory=dict)


@dataclass
class Sum:
    """Lines as the API shows them, and the invoice's totals."""

    lines: list[Json]
    subtotal: int
    total: int
    excluding_tax: int  # of the total
    subtotal_excluding_tax: int
    discounts: list[Json]
    taxes: list[Json]


def summed(world: World, drafts: list[Draft], discounts: list[str], currency: str, invoice: str | None) -> Sum:
    subtotal = sum(draft.amount for draft in drafts)
    reducible = sum(draft.amount for draft in drafts if draft.discountable)
    taken = taken_off(world, discounts, max(0, reducible))
    shares = _shares(drafts, taken, reducible)
    lines, exclusive, inclusive = [], 0, 0
    by_rate: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for draft, off in zip(drafts, shares, strict=True):
        taxes = _taxes(world, draft, draft.amount - sum(amount for _, amount in off))
        for tax in taxes:
            sums = by_rate[tax["tax_rate_details"]["tax_rate"]]
            sums[0] += tax["amount"]
            sums[1] += tax["taxable_amount"]
            if tax["tax_behavior"] == "exclusive":
                exclusive += tax["amount"]
            else:
                inclusive += tax["amount"]
        lines.append(_line(draft, off, taxes, currency, invoice))
    total = subtotal - sum(amount for _, amount in taken) + exclusive
    return Sum(
        lines,
        subtotal,
        total,
        total - exclusive - inclusive,
        subtotal - inclusive,
        [{"amount": amount, "discount": one} for one, amount in taken],
        [_tax(world, rate, amount, of) for rate, (amount, of) in by_rate.items()],
    )


def _shares(drafts: list[Draft], taken: list[tuple[str, int]], reducible: int) -> list[list[tuple[str, int]]]:
    """Each discount spread over the lines it may reduce; the last of them takes what rounding left."""
    shares: list[list[tuple[str, int]]] = [[] for _ in drafts]
    places = [place for place, draft in enumerate(drafts) if draft.discountable]
    for one, off in taken:
        left = off
        for place in places:
            part = left if place == places[-1] else share(off, drafts[place].amount, reducible)
            shares[place].append((one, part))
            left -= part
    return shares


def _taxes(world: World, draft: Draft, taxable: int) -> list[Json]:
    return [_tax(world, rate, _tax_amount(world.get("tax_rate", rate), taxable), taxable) for rate in draft.rates]


def _tax_amount(rate: Json, taxable: int) -> int:
    percent = Decimal(str(rate["percentage"]))
    if rate["inclusive"]:
        return rounded(Decimal(taxable) * percent / (100 + percent))
    return rounded(Decimal(taxable) * percent / 100)


def _tax(world: World, rate: str, amount: int, taxable: int) -> Json:
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if world.get("tax_rate", rate)["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate},
        "taxability_reason": "not_available",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def _line(draft: Draft, off: list[tuple[str, int]], taxes: list[Json], currency: str, invoice: str | None) -> Json:
    return {
        "id": new_id("il_"),
        "object": "line_item",
        "amount": draft.amount,
        "currency": currency,
        "description": draft.words,
        "discount_amounts": [{"amount": amount, "discount": one} for one, amount in off],
        "discountable": draft.discountable,
        "discounts": [],
        "invoice": invoice,
        "livemode": False,
        "metadata": draft.metadata,
        "parent": _parent(draft),
        "period": {"start": draft.start, "end": draft.end},
        "pretax_credit_amounts": [],
        "pricing": _pricing(draft),
        "quantity": draft.quantity,
        "quantity_decimal": None if draft.quantity is None else str(draft.quantity),
        "subscription": draft.subscription,
        "subtotal": draft.amount,
        "taxes": taxes,
    }


def _parent(draft: Draft) -> Json:
    details: Json = {"invoice_item": draft.invoice_item, "proration": draft.proration, "proration_details": None}
    details["subscription"] = draft.subscription
    if draft.item:
        own = details | {"subscription_item": draft.item}
        return {"invoice_item_details": None, "subscription_item_details": own, "type": "subscription_item_details"}
    return {"invoice_item_details": details, "subscription_item_details": None, "type": "invoice_item_details"}


def _pricing(draft: Draft) -> Json | None:
    if draft.price is None:
        return None
    return {
        "price_details": {"price": draft.price["id"], "product": draft.price["product"]},
        "type": "price_details",
        "unit_amount_decimal": draft.price["unit_amount_decimal"],
    }
