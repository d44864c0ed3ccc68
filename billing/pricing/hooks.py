"""What the packages above want to hear: they append to this list in `apps.ready()`. Called after the commit only."""

import logging
from collections.abc import Callable

from django.db import transaction

log = logging.getLogger(__name__)

# The catalogue is another one now: prices, aliases, markups or meters.
prices_changed: list[Callable[[], None]] = []


def tell() -> None:
    """Call each once the transaction is committed. One that fails is logged, and keeps no other from hearing it."""
    for listener in prices_changed:
        transaction.on_commit(lambda listener=listener: _call(listener))  # type: ignore[misc]


def _call(listener: Callable[[], None]) -> None:
    try:
        listener()
    except Exception:
        log.exception("%r failed when it was told that prices have changed", listener)
