"""A proof from nothing, whose chain and sums are always right: for what only the rules of the ledger can refuse."""

import copy
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.ledger.chain import stamp
from billing.ledger.proof.tests.checking import rechained

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
Takes = list[list[int]]


class Forger:
    """Posts whatever it is told. Amounts in nano-credits; lots are numbered from 1."""

    def __init__(self) -> None:
        self.now = NOON
        self.lines: list[dict[str, Any]] = []
        self.accounts: dict[str, int] = {}
        self.lots: dict[int, list[int]] = {}  # remaining, held
        self.operation = 0

    def fork(self) -> "Forger":
        """Another one with the same history, to try something with."""
        return copy.deepcopy(self)

    def post(
        self,
        kind: str,
        debit: str,
        credit: str,
        amount: int,
        *takes: tuple[int, int],
        same: bool = False,
        key: str = "",
        reverses: int | None = None,
        lot: list[Any] | None = None,
        items: list[list[Any]] | None = None,
        occurred_at: datetime | None = None,
        of: str = "",
    ) -> int:
        """An entry; its number. `same`: of the operation of the entry before it. `of`: the kind of its operation."""
        self.operation += not same
        for account, change in ((debit, -amount), (credit, amount)):
            self.accounts[account] = self.accounts.get(account, 0) + change
        in_lots = ("available", "held", "scheduled")
        for lot_id, part in takes:
            if lot_id in self.lots:
                self.lots[lot_id][0] -= part * (not (debit in in_lots and credit in in_lots))
                self.lots[lot_id][1] += part * ((credit == "held") - (debit == "held"))
        number = len(self.lines) + 1
        namespace = "ledger" if key else "test"
        operation = [self.operation, namespace, key or f"k{self.operation}", of or kind, "0" * 64, "", ""]
        text = "".join(f"{event}\0{nano}\n" for event, nano in items or ())
        digest = hashlib.sha256(text.encode()).hexdigest() if items is not None else None
        times = [stamp(occurred_at or self.now), stamp(self.now)]
        balance = self.accounts.get("available", 0)
        entry = ["purser-1", 7, number, operation, kind, debit, credit, amount, balance, *times, digest, reverses]
        line: dict[str, Any] = {"transfer": [*entry, [list(take) for take in takes], lot], "digest": ""}
        self.lines.append(line if items is None else {**line, "items": items})
        return number

    def grant(
        self, amount: int, *, starts: float = 0, lasts: float | None = None, debit: str = "issued", **terms: Any
    ) -> int:
        """An entry that brings the next lot in. `starts`: hours from now; `lasts`: hours until it expires."""
        lot_id = len(self.lots) + 1
        self.lots[lot_id] = [amount, 0]
        begins = self.now + starts * HOUR
        ends = stamp(begins + lasts * HOUR) if lasts is not None else None
        lot = [lot_id, "bought", "Pack", amount, stamp(begins), ends, None]
        kind = "grant.pack" if debit == "issued" else "adjust.operator"
        credit = terms.pop("credit", "scheduled" if starts > 0 else "available")
        return self.post(kind, debit, credit, amount, lot=lot, **terms)

    def start(self, lot_id: int, amount: int, *, due: datetime, **terms: Any) -> int:
        key = terms.pop("key", f"start:{lot_id}:{len(self.lines) + 1}")
        return self.post("lot.start", "scheduled", "available", amount, key=key, occurred_at=due, **terms)

    def proof(self) -> bytes:
        workspace = {"number": 7, "id": "ws_7", "name": "Forged"}
        unit = {"name": "credit", "plural": "credits", "nano": 10**9}
        first = {"format": "purser-proof", "version": 1, "workspace": workspace, "unit": unit}
        lots = [{"lot": [lot_id, *left]} for lot_id, left in self.lots.items()]
        amounts = {name: abs(self.accounts.get(name, 0)) for name in ("available", "held", "debt", "overdraft_held")}
        closing = {"closing": {"seq": len(self.lines), "head": "", **amounts}}
        return rechained([{**first, "exported_at": stamp(self.now)}, *self.lines, *lots, closing, {}])
