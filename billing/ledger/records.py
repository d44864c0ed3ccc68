"""What goes into the ledger and what comes out of it, as plain records. Amounts are nano-credits."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from billing.ledger.burn import Take
from billing.ledger.state import State, balance_state, headroom


@dataclass(slots=True, eq=False)
class OperationDraft:
    """One thing that happens, under one idempotency key. `id` is known once a transfer was posted for it;
    an operation without a transfer is not written. `result` may be filled until the book is flushed. One without a
    key, which nobody can ask for again, is named by its id: rising names are cheaper to index than random ones.
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

    def identify(self, pk: int) -> None:
        """Give it its id, and the name that follows from it where it has none."""
        self.id = pk
        if not self.key:
            self.key = str(pk)
            self.request_hash = sha256(self.key.encode()).digest()


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


Resolution = Literal["", "settle", "release", "expire"]
HOLD_PREFIX = "hold_"


@dataclass(slots=True, eq=False)
class HoldState:
    """A hold as a book has it. `amount` is pinned to lots (`pins`, in burn order) but for `overdraft`. `open_until`
    is None and `resolution` not empty once it is resolved.
    """

    id: int
    origin: str
    amount: int
    overdraft: int
    created_at: datetime
    open_until: datetime | None
    resolution: Resolution
    pins: list[Take]

    @property
    def covered(self) -> int:
        return self.amount - self.overdraft


def hold_id(pk: int) -> str:
    """The public id of a hold."""
    return f"{HOLD_PREFIX}{pk}"


def parse_hold_id(text: str) -> int | None:
    """The primary key in a public id, or None for a text that is none."""
    digits = text.removeprefix(HOLD_PREFIX)
    if digits == text or not (digits.isascii() and digits.isdigit()) or digits[0] == "0" or len(digits) > 18:
        return None
    return int(digits)


@dataclass(frozen=True, slots=True)
class HoldResult:
    """A hold after it was released or extended, and the balance then."""

    hold_id: int
    amount: int
    expires_at: datetime | None
    available: int
    held: int
    replay: bool


@dataclass(frozen=True, slots=True)
class ReverseResult:
    """`returned` went back to lots (also what then repaid other debt or expired at once), `cancelled` was debt."""

    returned: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class RefundResult:
    """`from_lot` was left in the lot; `spent` was gone already and became debt, of which other credits repaid all but
    `owed`.
    """

    amount: int
    from_lot: int
    spent: int
    owed: int
    balance: int
    replay: bool


@dataclass(frozen=True, slots=True)
class ExtendResult:
    """`amount` goes on in the lot `lot_id`."""

    lot_id: int
    amount: int
    balance: int
    replay: bool


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
