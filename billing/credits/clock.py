"""The one clock. Services read it after taking a lock and pass the value into SQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_travelled: ContextVar[datetime | None] = ContextVar("travelled", default=None)


def now() -> datetime:
    """The present instant in UTC."""
    return _travelled.get() or datetime.now(UTC)


def travelled() -> bool:
    """Whether `at` has set the time."""
    return _travelled.get() is not None


@contextmanager
def at(instant: datetime) -> Iterator[None]:
    """Everything inside happens at `instant` (demo history, `run_due --at`, tests)."""
    token = _travelled.set(instant)
    try:
        yield
    finally:
        _travelled.reset(token)
