"""What falls due in a wallet, and in which order. Pure: a book posts it, readers work out what a book would post."""

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime

from billing.ledger.records import HoldState, LotState


class DueQueue:
    """What is due at `now`, by its instant; at the same instant holds come first, so that what they give back repays
    debt before anything else does. Whoever iterates posts each before asking for the next.
    """

    def __init__(self, lots: Iterable[LotState], holds: Iterable[HoldState], now: datetime) -> None:
        self._now = now
        self._heap: list[tuple[datetime, int, int, LotState | HoldState]] = []
        for hold in holds:
            if hold.open_until is not None and hold.open_until <= now:
                self._heap.append((hold.open_until, 0, hold.id, hold))
        heapq.heapify(self._heap)
        self.look_at(lots)

    def look_at(self, lots: Iterable[LotState]) -> None:
        """Lots that something was put back into, or that started: they may be due again."""
        for lot in lots:
            if (at := lot.due_at) is not None and at <= self._now:
                heapq.heappush(self._heap, (at, 1, lot.id, lot))

    def __iter__(self) -> Iterator[LotState | HoldState]:
        while self._heap:
            at, _, _, due = heapq.heappop(self._heap)
            # A lot may be in the queue twice, or have been emptied by a repayment since.
            if at == (due.open_until if isinstance(due, HoldState) else due.due_at):
                yield due


def next_instant(
    lots: Iterable[LotState], holds: Iterable[HoldState], other: datetime | None = None
) -> datetime | None:
    """When something is due next; `other`: when the first of further holds is."""
    instants = [other, *(lot.due_at for lot in lots), *(hold.open_until for hold in holds)]
    return min((at for at in instants if at is not None), default=None)
