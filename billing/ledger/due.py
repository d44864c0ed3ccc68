"""What falls due in a wallet, and in which order. Pure: a book posts it, readers work out what a book would post."""

from collections.abc import Iterable
from datetime import datetime

from billing.ledger.records import HoldState, LotState


def next_due(lots: Iterable[LotState], holds: Iterable[HoldState], now: datetime) -> LotState | HoldState | None:
    """The first that is due at `now`, by its instant; at the same instant holds come first, so that what they give
    back repays debt before anything else does.
    """
    due: list[tuple[datetime, int, int, LotState | HoldState]] = []
    due += [(hold.open_until, 0, hold.id, hold) for hold in holds if hold.open_until and hold.open_until <= now]
    due += [(at, 1, lot.id, lot) for lot in lots if (at := lot.due_at) is not None and at <= now]
    return min(due, key=lambda each: each[:3], default=(None, 0, 0, None))[3]


def next_instant(lots: Iterable[LotState], holds: Iterable[HoldState]) -> datetime | None:
    """When something is due next."""
    instants = [lot.due_at for lot in lots] + [hold.open_until for hold in holds]
    return min((at for at in instants if at is not None), default=None)
