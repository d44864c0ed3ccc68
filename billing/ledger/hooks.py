"""What the packages above want to hear: they append to these lists in `apps.ready()`.

`credits_granted`, `balance_crossed`, `topup_bound_crossed` and `alert_bound_crossed` are told after the commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from django.db import transaction

from billing.ledger.records import Crossing, HoldState, Problem
from billing.ledger.roundtrip import Statement

if TYPE_CHECKING:
    from billing.ledger.journal import Journal

log = logging.getLogger(__name__)
T = TypeVar("T")

# Credits came in. Argument: the workspace's id.
credits_granted: list[Callable[[int], None]] = []

# The state (healthy, low, stopped) changed.
balance_crossed: list[Callable[[Crossing], None]] = []

# available + held - debt fell below the wallet's `topup_bound`. Argument: the workspace's id.
topup_bound_crossed: list[Callable[[int], None]] = []

# The same fell below the wallet's `alert_bound`. Argument: the workspace's id.
alert_bound_crossed: list[Callable[[int], None]] = []

# Holds were settled, released or expired in a book that is about to be committed: what is to be written with that.
holds_ended: list[Callable[[Journal, Sequence[HoldState]], Iterable[Statement]]] = []

# Further checks of verify_ledger: what the upper packages know about a workspace's transfers.
verifiers: list[Callable[[int], Iterable[Problem]]] = []

# Nano-credits that a workspace has bought and that are not here yet. Argument: the workspace's id.
pending_sources: list[Callable[[int], int]] = []

# What the operations of a workspace paid for, for its proof of balance: per operation the ordered (event id,
# nano-credits) list behind the items digest. Arguments: workspace, operations, and how many events at most; None
# says that there are more of them. Without a limit all are told.
Items = Sequence[tuple[str, int]]
item_sources: list[Callable[[int, Sequence[int], int | None], Mapping[int, Items] | None]] = []


def tell(listeners: Iterable[Callable[[T], None]], news: T) -> None:
    """Call each with `news` once the transaction is committed. One that fails is logged: it must neither undo nor
    hide what was written, nor keep the others from hearing it.
    """
    for listener in listeners:
        transaction.on_commit(lambda listener=listener: _call(listener, news))  # type: ignore[misc]


def _call(listener: Callable[[T], None], news: T) -> None:
    try:
        listener(news)
    except Exception:
        log.exception("%r failed when it was told %r", listener, news)
