"""What a book has posted and not written yet."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from billing.ledger.records import LotState, OperationDraft
from billing.ledger.roundtrip import Statement


@dataclass(frozen=True, slots=True)
class NewLot:
    """A lot that came in; its state is read when it is written, after what was taken from it at once."""

    lot: LotState
    operation_id: int
    seq: int
    label: str
    unit_price_usd: Decimal | None


@dataclass(slots=True)
class Pending:
    """Rows in the shape `store.write` sends them."""

    operations: list[OperationDraft] = field(default_factory=list)
    transfers: list[dict[str, Any]] = field(default_factory=list)
    takes: list[dict[str, int]] = field(default_factory=list)
    new_lots: list[NewLot] = field(default_factory=list)
    touched: dict[int, LotState] = field(default_factory=dict)
    holds: list[Statement] = field(default_factory=list)  # parts of `holdrows`, in the order they were made
    wallet: bool = False  # something of the wallet changed

    def changed_lots(self) -> list[LotState]:
        """Existing lots to update, in id order; a new one is inserted as it ends up."""
        new = {entry.lot.id for entry in self.new_lots}
        return [self.touched[lot_id] for lot_id in sorted(self.touched.keys() - new)]
