"""A wallet as a book left it, for whoever in this process comes next.

Most settlements reach the process that authorised, before anybody else touched the wallet. What they would read under
its lock is what that process wrote last, so `resume_book` takes it from memory: the round trip that writes asks first
whether the wallet's row is still that very version, and nothing of it is done when it is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from billing.credits import clock
from billing.ledger import store
from billing.ledger.records import HoldState, LotState
from billing.ledger.roundtrip import Statement

_DIGEST = store.WALLET_COLUMNS.index("digest")
FRESH = 60  # seconds for which the clock that was held against the database's goes on by itself


@dataclass(frozen=True, slots=True)
class Left:
    """What a book had when it was committed. Whoever resumes it takes its lots and holds over: that is done once."""

    version: str  # of the wallet's row: the transaction that wrote it
    wallet: Sequence[Any]  # as `store.lock` returns it, but for the time
    lots: Sequence[LotState]
    holds: Sequence[HoldState]
    some_lots_unread: bool
    at: datetime
    since: float  # of the monotonic clock, when that was known

    def now(self) -> datetime | None:
        """The present instant; None when it is too late to tell without asking the database."""
        passed = monotonic() - self.since
        return None if passed > FRESH or clock.travelled() else self.at + timedelta(seconds=passed)


def conditions(
    workspace_id: int, left: Left, now: datetime, *, given: Sequence[Statement], absent: Sequence[Statement]
) -> list[Statement]:
    """Statements that fail unless the wallet is as it was left, each of `given` returns a row and none of `absent`.

    The lock comes in one of its own: the snapshot of the others must be taken after it was granted.
    """
    lock = store.lock_as_left(workspace_id, left.version, left.wallet[_DIGEST], now)
    return [lock, store.all_hold(given, absent)]
