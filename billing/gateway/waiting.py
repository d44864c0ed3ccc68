"""How many threads of a process may wait for Stripe at once: the others go on answering usage."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from billing.gateway.errors import Unavailable

MOST = 2  # of a process's threads, 4 unless set otherwise
TURN = 3.0  # seconds to wait for a turn; an answer of Stripe takes a fraction of one
_turns = threading.BoundedSemaphore(MOST)


@contextmanager
def waiting() -> Iterator[None]:
    """For what a person or a client waits for. Raises Unavailable when all turns are taken by calls that hang."""
    if not _turns.acquire(timeout=TURN):
        raise Unavailable("others are waiting for Stripe already")
    try:
        yield
    finally:
        _turns.release()
