"""The database connection of an API request."""

import threading
import time

from django.db import connection

TRUSTED_SECONDS = 5.0

_checked = threading.local()


def trust() -> None:
    """Skip Django's health check, a round trip per request, on a connection that worked a moment ago.

    Should the database have restarted in these seconds, the request ends in 503 and its repeat finds a new connection.
    """
    now = time.monotonic()
    if connection.connection is not None and now - getattr(_checked, "at", 0.0) < TRUSTED_SECONDS:
        connection.health_check_done = True  # type: ignore[attr-defined]
    else:
        _checked.at = now
