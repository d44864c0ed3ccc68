"""What credits are worth in US dollars. Pure: no Django, no database.

Rules (docs/operations.md has them in words): a credit is worth what was paid for it, the unit price of its lot; one
that was given, or whose price is not known in US dollars, is worth nothing. It is deferred revenue until it is used
(then revenue), expires (then breakage), is refunded, or is taken away.

Values are whole numbers of the smallest part there is, nano-credit × 10⁻¹² USD = 10⁻²¹ USD, so nothing is rounded.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Context, Decimal
from typing import Final, Protocol

from billing.ledger.accounts import ADJUSTED, DEBT, EXPIRED, ISSUED, REFUNDED, SPENT

PARTS: Final = 10**21  # of a US dollar
PER_NANO: Final = 10**12  # such parts in a nano-dollar
EXACT: Final = Context(prec=80)


class Flow(Protocol):
    """A sum of transfers; see flows.PricedFlow."""

    @property
    def debit(self) -> str: ...
    @property
    def credit(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def unit_price_usd(self) -> Decimal: ...
    @property
    def amount(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Credits:
    """What a period did, in nano-credits, as the trial balance has it. What left and came back is subtracted."""

    sold: int = 0
    granted_plan: int = 0
    granted_promotion: int = 0
    spent: int = 0
    expired: int = 0
    refunded: int = 0
    adjusted: int = 0  # taken away by corrections; negative when they gave more


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What happened to credits that were paid for, in parts of a dollar. opening + sold = recognised + expired +
    refunded + adjusted + closing.
    """

    sold: int = 0
    recognised: int = 0
    expired: int = 0
    refunded: int = 0
    adjusted: int = 0

    @property
    def change(self) -> int:
        """What deferred revenue gained."""
        return self.sold - self.recognised - self.expired - self.refunded - self.adjusted

    def __add__(self, other: "Worth") -> "Worth":
        return Worth(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(Worth)})


def value(amount: int, unit_price_usd: Decimal) -> int:
    """Nano-credits at a unit price, in parts of a dollar. A unit price has at most 12 decimals."""
    return amount * int(EXACT.scaleb(unit_price_usd, 12))


def usd(parts: int) -> Decimal:
    """Parts of a dollar as US dollars, exact."""
    return EXACT.scaleb(Decimal(parts), -21)


def credits_of(flows: Iterable[Flow]) -> Credits:
    """What these flows are in credits."""
    found = dict.fromkeys((each.name for each in fields(Credits)), 0)
    used = {SPENT: "spent", EXPIRED: "expired", REFUNDED: "refunded", ADJUSTED: "adjusted"}
    issued = {"bought": "sold", "plan": "granted_plan", "promotion": "granted_promotion"}
    for flow in flows:
        for account, sign in ((flow.credit, 1), (flow.debit, -1)):
            if account in used:
                found[used[account]] += sign * flow.amount
            elif account == ISSUED and flow.source in issued:
                found[issued[flow.source]] -= sign * flow.amount
    return Credits(**found)


_RECOGNISED: Final = {SPENT: "recognised", DEBT: "recognised", EXPIRED: "expired", REFUNDED: "refunded"}


def worth_of(flows: Iterable[Flow]) -> Worth:
    """What these flows are worth."""
    found = dict.fromkeys((each.name for each in fields(Worth)), 0)
    for flow in flows:
        if not flow.unit_price_usd:
            continue
        moved = value(flow.amount, flow.unit_price_usd)
        for account, sign in ((flow.credit, 1), (flow.debit, -1)):
            if account in _RECOGNISED:
                found[_RECOGNISED[account]] += sign * moved
            elif account == ADJUSTED:
                found["adjusted"] += sign * moved
            elif account == ISSUED:
                found["sold"] -= sign * moved
    return Worth(**found)
