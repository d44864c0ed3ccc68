"""Asked to stop: a flag that is looked at between steps.

An exception raised by a signal handler may land in the middle of a save and leave half a checkpoint that still looks
like a whole one. So the handler only sets the flag. Long calls that write nothing (loading a model, speaking) are
wrapped in `interruptible()`, where the handler may raise at once.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from voice_pipeline.contract import Cancelled

PR_SET_PDEATHSIG = 1  # prctl(2)

_asked = False
_may_raise = False


def ask() -> None:
    """Stop before the next step."""
    global _asked
    _asked = True


def asked() -> bool:
    return _asked


def check() -> None:
    """Raise Cancelled when somebody has asked to stop. Call it between steps, never inside a save."""
    if _asked:
        raise Cancelled


@contextmanager
def interruptible() -> Iterator[None]:
    """A stretch that writes nothing and may be left at any point."""
    global _may_raise
    check()
    _may_raise = True
    try:
        check()  # the signal may have come between the two lines above
        yield
    finally:
        _may_raise = False


def listen() -> None:
    """SIGTERM and SIGINT ask to stop; so does the death of the parent."""
    signal.signal(signal.SIGTERM, _heard)
    signal.signal(signal.SIGINT, _heard)
    _die_with_parent()


def deafen() -> None:
    """From now on a request to stop comes too late: what was told is told, and the exit code must agree with it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _heard(number: int, frame: FrameType | None) -> None:
    ask()
    if _may_raise:
        raise Cancelled


def _die_with_parent() -> None:
    """A worker that is killed outright cannot pass a cancel on; the kernel sends the same signal then (Linux).

    A parent that dies before this call is noticed at the first line that nobody reads.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        ask()
