"""What the packages above want to hear: they append to these lists in `apps.ready()`. Called after commit only."""

from collections.abc import Callable, Iterable

from billing.ledger.records import Crossing, Problem

# Credits came in. Argument: the workspace's id.
credits_granted: list[Callable[[int], None]] = []

# The state (healthy, low, stopped) changed.
balance_crossed: list[Callable[[Crossing], None]] = []

# Further checks of verify_ledger: what the upper packages know about a workspace's transfers.
verifiers: list[Callable[[int], Iterable[Problem]]] = []
