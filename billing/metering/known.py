"""Small memory of ids in the process: only of rows that are committed."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from django.db import transaction

K = TypeVar("K")
V = TypeVar("V")

_everything: "list[Known[object, object]]" = []


class Known(Generic[K, V]):
    """A bounded dict. What a transaction found or made is remembered once that transaction is committed."""

    def __init__(self, limit: int) -> None:
        self._ids: dict[K, V] = {}
        self._limit = limit
        _everything.append(self)  # type: ignore[arg-type]

    def get(self, key: K) -> V | None:
        return self._ids.get(key)

    def take(self, key: K) -> V | None:
        """What is remembered, and not any more."""
        return self._ids.pop(key, None)

    def remember(self, found: Mapping[K, V]) -> None:
        """After the commit; a roll-back forgets it."""
        transaction.on_commit(lambda: self.keep(dict(found)))

    def keep(self, found: Mapping[K, V]) -> None:
        """At once: for what is committed already."""
        if len(self._ids) + len(found) > self._limit:
            self._ids.clear()
        self._ids |= found

    def clear(self) -> None:
        self._ids.clear()


def forget_everything() -> None:
    """After a row that was remembered turned out to be gone (a deleted project, a restored backup)."""
    for known in _everything:
        known.clear()
