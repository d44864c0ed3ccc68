"""Small values that every process keeps for a few seconds, so hot paths do not ask the database."""

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_all: list["TimedCache[object, object]"] = []


class TimedCache(Generic[K, V]):
    """Values by key, each at most `seconds` old.

    Threads may load the same value twice at the same moment; both results are right, so nothing is locked.
    Values that are not `worth_keeping` are loaded each time.
    """

    def __init__(
        self,
        load: Callable[[K], V],
        *,
        seconds: float,
        most: int = 10_000,
        worth_keeping: Callable[[K, V], bool] | None = None,
    ) -> None:
        self._load = load
        self._worth_keeping = worth_keeping
        self._seconds = seconds
        self._most = most
        self._kept: dict[K, tuple[float, V]] = {}
        _all.append(self)  # type: ignore[arg-type]

    def get(self, key: K) -> V:
        kept = self._kept.get(key)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        value = self._load(key)
        if self._worth_keeping is not None and not self._worth_keeping(key, value):
            return value
        if len(self._kept) >= self._most:
            self._kept.clear()
        self._kept[key] = (time.monotonic() + self._seconds, value)
        return value

    def forget(self, key: K) -> None:
        self._kept.pop(key, None)

    def clear(self) -> None:
        self._kept.clear()


def clear_all() -> None:
    """Forget everything kept in this process (tests call it between cases)."""
    for cache in _all:
        cache.clear()
