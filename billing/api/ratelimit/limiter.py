"""Slices: under load a process takes a share of a key's minute at once, so that most requests ask nobody.

A key that is used slowly is counted request by request, and what it is told is exact in every process.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from billing.api.ratelimit.stores import Store, configured_store

SLICES = 20  # a slice is a twentieth of the limit …
MAX_SLICE = 500  # … but never so much that an idle process keeps others from their share
SLOW = 50  # requests a second in this process, up to which each one is counted by itself


@dataclass(frozen=True, slots=True)
class Rate:
    """A key's minute after a request: how it stands, and whether the request may go on."""

    allowed: bool
    limit: int
    remaining: int
    reset: int  # seconds until the minute ends


@dataclass(slots=True)
class _Window:
    minute: int
    left: int = 0  # of this process's slices
    taken: int = 0  # by all processes, when last heard
    refused_at: int = 0  # the limit at which nothing was left for this process
    second: int = 0
    in_second: int = 0  # requests seen by this process
    in_last: int = 0

    def saw_one(self, second: int) -> None:
        if second != self.second:
            self.in_last = self.in_second if second == self.second + 1 else 0
            self.second, self.in_second = second, 0
        self.in_second += 1

    @property
    def pace(self) -> int:
        """Requests a second, of late."""
        return max(self.in_second, self.in_last)


class Limiter:
    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._windows: dict[str, _Window] = {}
        self._lock = threading.Lock()

    def take(self, *, key: str, limit: int, at: float | None = None) -> Rate:
        """Count one request of the key in the minute of `at` (seconds since the epoch)."""
        at = time.time() if at is None else at
        minute = int(at // 60)
        reset = _reset(at)
        with self._lock:
            window = self._windows.get(key)
            if window is None or window.minute != minute:
                window = self._open(key, minute)
            window.saw_one(int(at))
            if window.left > 0:
                window.left -= 1
                return Rate(True, limit, max(0, limit - window.taken) + window.left, reset)
            if limit <= window.refused_at:
                return Rate(False, limit, 0, reset)
            wanted = slice_size(limit, window.taken, window.pace)
        # The lock is not held while the store answers: other keys and slices go on meanwhile.
        count, taken = self._shared().take(key=key, minute=minute, wanted=wanted, limit=limit)
        with self._lock:
            window.taken = max(window.taken, taken)
            window.left += max(0, count - 1)
            window.refused_at = limit if count == 0 else 0
            remaining = max(0, limit - window.taken) + window.left
        return Rate(count > 0, limit, remaining if count else 0, reset)

    def used(self, keys: Sequence[str], *, at: float | None = None) -> tuple[dict[str, int], int]:
        """What all processes together have taken of the minute of `at`, by key, and seconds until it ends.

        Slices count when they are taken, so under load it is up to a slice per process more than was used.
        """
        at = time.time() if at is None else at
        taken = self._shared().used(keys=keys, minute=int(at // 60))
        return {key: taken.get(key, 0) for key in keys}, _reset(at)

    def forget(self) -> None:
        """Drop what this process knows (tests; a changed limit counts from the next slice anyway)."""
        with self._lock:
            self._windows.clear()

    def _open(self, key: str, minute: int) -> _Window:
        if len(self._windows) > 10_000:
            self._windows = {name: window for name, window in self._windows.items() if window.minute == minute}
        window = self._windows[key] = _Window(minute)
        return window

    def _shared(self) -> Store:
        if self._store is None:
            self._store = configured_store()
        return self._store


def _reset(at: float) -> int:
    return max(1, 60 - int(at % 60))


def slice_size(limit: int, taken: int, pace: int) -> int:
    """About a second's worth; smaller towards the end of the limit, so that processes share the rest fairly."""
    if pace < SLOW:
        return 1
    return max(1, min(pace, limit // SLICES, (limit - taken) // 4, MAX_SLICE))


limiter = Limiter()
