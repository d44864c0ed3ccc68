"""What goes into the ledger and what comes out of it, as plain records. Amounts are nano-credits."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.ledger.state import State, balance_state, headroom


@dataclass(slots=True, eq=False)
class OperationDraft:
    """One thing that happens, under one idempotency key. `id` is known once a transfer was posted for it;
    an operation without a transfer is not written. `result` may be filled until the book is flushed.
    """

    namespace: str
    key: str
    request_hash: bytes
    kind: str
    actor: str = ""
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    id: int | None = None
    reverses_id: int | None = None
    written: bool = False


@dataclass(slots=True)
class LotState:
    """A lot as a book holds it."""

    id: int
    source: str
    amount: int
    remaining: int
    held: int
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    scheduled: bool

    @property
    def free(self) -> int:
        """What can be taken now."""
        return 0 if self.scheduled else self.remaining - self.held

    @property
    def due_at(self) -> datetime | None:
        """When something must be posted for it: its start, or the expiry of what no hold pins."""
        if self.scheduled:
            return self.effective_at
        return self.expires_at if self.remaining > self.held else None


@dataclass(frozen=True, slots=True)
class SpendResult:
    """`covered` came from lots, `debt` was beyond the balance."""

    covered: int
    debt: int


@dataclass(frozen=True, slots=True)
class GrantResult:
    """`repaid` of `amount` went to debt. `lot_id` is None where nothing came in (a negative adjustment)."""

    lot_id: int | None
    amount: int
    repaid: int
    balance: int
    replay: bool


@dataclass(frozen=True, slots=True)
class WalletState:
    """A wallet at one instant."""

    available: int
    held: int
    debt: int
    overdraft_limit: int
    overdraft_held: int
    low_bound: int
    granted_any: bool
    seq: int
    digest: bytes
    stopped_at: datetime | None
    debt_since: datetime | None

    @property
    def state(self) -> State:
        return balance_state(
            available=self.available,
            held=self.held,
            debt=self.debt,
            overdraft_limit=self.overdraft_limit,
            overdraft_held=self.overdraft_held,
            low_bound=self.low_bound,
            granted_any=self.granted_any,
        )

    @property
    def headroom(self) -> int:
        """What can still be authorised; negative beyond the overdraft."""
        return headroom(
            available=self.available,
            debt=self.debt,
            overdraft_limit=self.overdraft_limit,
            overdraft_held=self.overdraft_held,
        )


@dataclass(frozen=True, slots=True)
class Crossing:
    """A wallet went from one state to another."""

    workspace_id: int
    before: State
    after: State
    available: int
    held: int
    debt: int
    low_bound: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not add up. `seq`: of the transfer where it shows, if one."""

    workspace_id: int
    code: str
    detail: str
    seq: int | None = None
