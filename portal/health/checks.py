"""Whether requests can be served: each part is "ok" or says what is wrong with it."""

import logging
import threading
from functools import cache
from time import monotonic

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.connection import Connection

from portal.upgrades import stopped_here

log = logging.getLogger(__name__)

BROKER_PATIENCE = 3  # seconds
BROKER_TRUSTED = 5.0  # seconds an answer of the broker counts, so that probes do not open connections all the time
_broker_lock = threading.Lock()
_broker_answer: list[tuple[float, str]] = []


def readiness() -> dict[str, str]:
    return {"database": _database(), "migrations": _migrations(), "broker": _broker()}


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        log.warning("not ready: %s", error)
        connection.close()
        return "unreachable"
    return "ok"


def _migrations() -> str:
    try:
        return _applied()
    except (DatabaseError, NotApplied) as error:
        return "not applied" if isinstance(error, NotApplied) else "unknown"


class NotApplied(Exception):
    """The database lacks migrations of this code."""


@cache
def _applied() -> str:
    """Remembered once true: the code of this process does not change."""
    executor = MigrationExecutor(connection)
    if stopped_here() or executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotApplied
    return "ok"


def _broker() -> str:
    with _broker_lock:
        if not _broker_answer or monotonic() - _broker_answer[0][0] > BROKER_TRUSTED:
            _broker_answer[:] = [(monotonic(), _ask_broker())]
        return _broker_answer[0][1]


def _ask_broker() -> str:
    options = getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {})
    try:
        with Connection(
            settings.CELERY_BROKER_URL, connect_timeout=BROKER_PATIENCE, transport_options=options
        ) as broker:
            broker.ensure_connection(max_retries=1, timeout=BROKER_PATIENCE)
    except Exception as error:  # whatever the transport raises
        log.warning("broker does not answer: %s", error)
        return "unreachable"
    return "ok"
