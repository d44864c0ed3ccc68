"""The events behind a charge. They live in a package above, which offers them in `hooks.item_sources`."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from billing.ledger import hooks
from billing.ledger.hooks import Items
from billing.ledger.proof.rows import Entry

MOST = 20_000  # events in memory at once, unless a single operation has more


def with_items(workspace_id: int, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Items]]:
    """`entries`, each with the ordered (event id, nano-credits) list its operation paid for, empty where none."""
    paid = [operation for operation, _ in groupby(entry.operation_id for entry in entries if entry.has_items)]
    found = _in_order(workspace_id, paid)
    current: tuple[int, Items] = (0, ())
    for entry in entries:
        if entry.has_items and entry.operation_id != current[0]:
            current = next(found)
        yield entry, current[1] if entry.has_items else ()


def _in_order(workspace_id: int, operations: Sequence[int]) -> Iterator[tuple[int, Items]]:
    """Halved until it fits: a thousand batches of a thousand events each must not be in memory together."""
    if not operations:
        return
    items: dict[int, Items] = {}
    most = MOST if len(operations) > 1 else None
    for source in hooks.item_sources:
        found = source(workspace_id, operations, most)
        if found is None:
            half = len(operations) // 2
            yield from _in_order(workspace_id, operations[:half])
            yield from _in_order(workspace_id, operations[half:])
            return
        items |= found
    for operation in operations:
        yield operation, items.get(operation, ())
