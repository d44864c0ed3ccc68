"""What a change in the middle of a period costs: unused time comes back, time left is charged, by the second."""

from dataclasses import dataclass
from decimal import Decimal

from portal.standin.billing.lines import Draft
from portal.standin.errors import Json
from portal.standin.money import rounded, share, shown
from portal.standin.world import World


@dataclass(frozen=True)
class Change:
    """An item before and after; None where there was or is none."""

    before: Json | None
    after: Json | None

    @property
    def real(self) -> bool:
        if self.before is None or self.after is None:
            return True
        return (self.before["price"]["id"], self.before["quantity"]) != (
            self.after["price"]["id"],
            self.after["quantity"],
        )


def prorated(world: World, subscription: Json, changes: list[Change], at: int, *, full: bool) -> list[Draft]:
    """Credits for unused time, and charges: for the time left, or for a whole new period when `full`."""
    drafts = []
    for change in changes:
        if change.before is not None and (change.real or full):
            drafts.append(_part(world, subscription, change.before, at, -1))
        if change.after is not None and full:
            drafts.append(whole(world, subscription, change.after))
        elif change.after is not None and change.real:
            drafts.append(_part(world, subscription, change.after, at, 1))
    return drafts


def _part(world: World, subscription: Json, item: Json, at: int, sign: int) -> Draft:
    start, end = item["current_period_start"], item["current_period_end"]
    left = max(0, end - max(at, start))
    amount = share(cost(item), left, end - start)
    name = world.get("product", item["price"]["product"])["name"]
    count = f"{item['quantity']} × " if item["quantity"] != 1 else ""
    words = f"{'Unused' if sign < 0 else 'Remaining'} time on {count}{name}"
    draft = _draft(subscription, item, sign * amount, words, at, end)
    draft.proration, draft.discountable = True, False
    return draft


def whole(world: World, subscription: Json, item: Json, *, free: bool = False) -> Draft:
    """A line for the item's present period."""
    price = item["price"]
    name = world.get("product", price["product"])["name"]
    unit = shown(rounded(unit_amount(price)), price["currency"]).removesuffix(f" {price['currency']}")
    words = (
        f"Trial period for {name}"
        if free
        else f"{item['quantity']} × {name} (at {unit} / {price['recurring']['interval']})"
    )
    amount = 0 if free else cost(item)
    return _draft(subscription, item, amount, words, item["current_period_start"], item["current_period_end"])


def _draft(subscription: Json, item: Json, amount: int, words: str, start: int, end: int) -> Draft:
    rates = item["tax_rates"] or subscription["default_tax_rates"]
    return Draft(
        amount,
        words,
        start,
        end,
        item["quantity"],
        item["price"],
        [rate["id"] for rate in rates],
        subscription["id"],
        item["id"],
    )


def unit_amount(price: Json) -> Decimal:
    return Decimal(price["unit_amount_decimal"])


def cost(item: Json) -> int:
    return rounded(unit_amount(item["price"]) * item["quantity"])
