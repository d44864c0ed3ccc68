"""What a flow is called on a statement, and whose row it is in. Pure.

A workspace's worth is what is available and on hold, less what is owed. Each source of credits has a row, and what is
owed has one, which is never above zero.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from billing.ledger.accounts import AVAILABLE, DEBT, HELD
from billing.ledger.burn import SOURCES

OWED: Final = "owed"
ROWS: Final = (*SOURCES, OWED)
OWN: Final = frozenset({AVAILABLE, HELD})

GRANTED, BOUGHT, RETURNED, CORRECTED = "granted", "bought", "returned", "corrected"
USED, EXPIRED, REFUNDED, REPAID = "used", "expired", "refunded", "repaid"
LINES: Final = (GRANTED, BOUGHT, RETURNED, CORRECTED, USED, EXPIRED, REFUNDED, REPAID)

_EXACT = {"usage.reverse": RETURNED, "grant.reverse": CORRECTED, "hold.settle": USED, "lot.expire": EXPIRED}
_FAMILIES = {"usage": USED, "addon": USED, "refund": REFUNDED, "debt": REPAID}


class Change(NamedTuple):
    """What a flow adds to a row (or takes from it) on a line, in nano-credits."""

    row: str
    line: str
    amount: int


def line_of(kind: str, source: str) -> str:
    """The line of a kind of transfer, also of one that came later than this."""
    family = kind.partition(".")[0]
    if kind in _EXACT:
        return _EXACT[kind]
    if family in _FAMILIES:
        return _FAMILIES[family]
    if family == "grant" or kind == "lot.start":
        return BOUGHT if source == "bought" else GRANTED
    return CORRECTED


def changes(kind: str, debit: str, credit: str, source: str, amount: int) -> Iterator[Change]:
    """What a flow changes on a statement: nothing, one row, or two when credits pay what is owed."""
    line = line_of(kind, source)
    if own := (credit in OWN) - (debit in OWN):
        yield Change(source or OWED, line, own * amount)
    if owed := (credit == DEBT) - (debit == DEBT):
        yield Change(OWED, line, owed * amount)
