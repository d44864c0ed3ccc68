"""What the caller of an authorisation is told, and how it is kept for a repeat. Amounts are nano-credits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.metering.events import plain
from billing.metering.receipts import ReceiptLine, applied_json


@dataclass(frozen=True)
class Authorized:
    """A hold that was placed, and the balance then. `usage` is what it was sized for."""

    hold_id: int
    amount: int
    overdraft: int  # part of `amount` that no credits cover
    expires_at: datetime
    available: int
    held: int
    state: str
    basis: str  # given, history, default, worst_case, max_credits
    note: str
    lines: tuple[ReceiptLine, ...]  # empty where the caller said how many credits
    usage: Mapping[str, Decimal]
    replay: bool = False

    def stored(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            "hold_id": self.hold_id,
            "amount": self.amount,
            "overdraft": self.overdraft,
            "expires_at": self.expires_at.isoformat(),
            "available": self.available,
            "held": self.held,
            "state": self.state,
            "basis": self.basis,
            "note": self.note,
            "lines": [_line(line) for line in self.lines],
            "usage": {meter: plain(quantity) for meter, quantity in self.usage.items()},
        }


def replayed(stored: Mapping[str, Any]) -> Authorized:
    """What was told the first time."""
    told = Authorized(**stored)
    return replace(
        told,
        expires_at=datetime.fromisoformat(stored["expires_at"]),
        lines=tuple(ReceiptLine.stored(line) for line in stored["lines"]),
        usage={meter: Decimal(quantity) for meter, quantity in stored["usage"].items()},
        replay=True,
    )


def _line(line: ReceiptLine) -> dict[str, Any]:
    """As `ReceiptLine.stored` reads it."""
    return {
        "meter": line.meter,
        "quantity": plain(line.quantity),
        "price_id": line.price_id,
        "price": plain(line.price_usd),
        "per": line.per,
        "markup": plain(line.markup_percent),
        "from_allowance": plain(line.from_allowance),
        "nano": line.nano,
        **(applied_json(line.applied) if line.applied else {}),
    }
