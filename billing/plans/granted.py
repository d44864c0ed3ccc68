"""Telling the packages of plans that credits came in: at once, or of many workspaces together, so that a batch of
periods asks the database once for all of them.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

log = logging.getLogger(__name__)

AT_ONCE = 50  # workspaces whose wallets a listener may lock together

# Who wants to hear it, after the commit. Argument: the workspaces' ids, in order.
credits_came_in: list[Callable[[Sequence[int]], None]] = []

_together: ContextVar[set[int] | None] = ContextVar("granted_together", default=None)


def credits_were_granted(workspace_id: int) -> None:
    """Subscriber of the ledger's `credits_granted`."""
    together = _together.get()
    if together is None:
        _tell([workspace_id])
    else:
        together.add(workspace_id)


def told_later() -> bool:
    """Whether grants that are committed now are told of together, a little later."""
    return _together.get() is not None


@contextmanager
def granted_together() -> Iterator[None]:
    """Of grants that are committed in the block is told once it is over."""
    waiting: set[int] = set()
    token = _together.set(waiting)
    try:
        yield
    finally:
        _together.reset(token)
        ids = sorted(waiting)
        for first in range(0, len(ids), AT_ONCE):
            _tell(ids[first : first + AT_ONCE])


def _tell(workspace_ids: Sequence[int]) -> None:
    """One that fails is told one by one, and what fails then is logged: it must neither hide what was written, nor keep
    the others from hearing it.
    """
    for listener in credits_came_in:
        try:
            listener(workspace_ids)
        except Exception:
            log.exception("%r failed when it was told of credits for %s", listener, list(workspace_ids))
            if len(workspace_ids) > 1:
                for workspace_id in workspace_ids:
                    _tell_one(listener, workspace_id)


def _tell_one(listener: Callable[[Sequence[int]], None], workspace_id: int) -> None:
    try:
        listener([workspace_id])
    except Exception:
        log.exception("%r failed when it was told of credits for %s", listener, workspace_id)
