"""Giving back the space of archived details: events move from the end of the table into what became free before them,
and VACUUM cuts off the end. A step of the monthly maintenance; nobody waits for it.

PostgreSQL could do it at once (VACUUM FULL), with everybody locked out for as long as it takes to copy the table.
"""

import time

from django.db import connection, transaction

from billing.foundation.maintenance.models import MaintenanceRun
from billing.metering.models import EventArchive

PAGES = 64  # moved in one transaction: half a megabyte, a few hundred events
PASSES = 50  # through one portion, at most
AT_ONCE = 32  # such portions between two VACUUMs
AT_MOST = 900  # seconds; the next month goes on
PATIENCE = 60  # seconds for others to end what they began before; what they may still see cannot be cleared away

_PAGES = "SELECT pg_relation_size('metering_usageevent') / current_setting('block_size')::int"
# An update that changes nothing writes the row anew, where there is room. Who has locked one keeps it where it is.
_MOVE = """
WITH moved AS (
    UPDATE metering_usageevent SET late = late WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM metering_usageevent WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid
        FOR NO KEY UPDATE SKIP LOCKED
    )) RETURNING ctid
)
SELECT count(*), count(*) FILTER (WHERE ctid < %(first)s::tid), count(*) FILTER (WHERE ctid >= %(end)s::tid) FROM moved
"""
_OLDER = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND age(backend_xmin) > age(%s::xid)
"""
_VACUUM = "VACUUM (ANALYZE) metering_usageevent"
# Its summaries of page ranges would go on covering the operations whose events have left.
_SUMMARIES = "REINDEX INDEX CONCURRENTLY usage_event_operation"


def events_move_together() -> str:
    """Move events if details were archived since the last maintenance; what came of it, in words."""
    if not _archived_since_the_last():
        return "nothing was archived since"
    before, deadline = _pages(), time.monotonic() + AT_MOST
    moved, room = 0, True
    _vacuum()
    while room and time.monotonic() < deadline:
        found, room = _portions(deadline)
        moved += found
        _vacuum()
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARIES)
    return f"{moved} events moved, {before} pages became {_pages()}"


def _archived_since_the_last() -> bool:
    last = MaintenanceRun.objects.filter(finished_at__isnull=False).order_by("-started_at").first()
    archives = EventArchive.objects.filter(thinned_at__isnull=False)
    return archives.filter(thinned_at__gte=last.started_at).exists() if last else archives.exists()


def _portions(deadline: float) -> tuple[int, bool]:
    """Move the last portions of the table forward; how many, and whether there was room for all of them."""
    end, done = _pages(), 0
    for _ in range(AT_ONCE):
        first = max(end - PAGES, 0)
        moved, room = _portion(first, end)
        done += moved
        end = first
        if not room or not first or time.monotonic() > deadline:
            return done, False
    return done, True


def _portion(first: int, end: int) -> tuple[int, bool]:
    """Move what lies on pages [first, end), in one transaction. A row stays on a page that has room, so it is written
    again until its page is full of rows that were.
    """
    done = 0
    with transaction.atomic(), connection.cursor() as cursor:
        for _ in range(PASSES):
            cursor.execute(_MOVE, {"first": f"({first},0)", "end": f"({end},0)"})
            found, forward, behind = cursor.fetchone()
            done += forward
            if behind or found == forward:
                return done, not behind
    return done, False


def _vacuum() -> None:
    """Clear away what was left until now, once nobody can see it any more."""
    deadline = time.monotonic() + PATIENCE
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::xid::text")
        (present,) = cursor.fetchone()
        cursor.execute(_OLDER, [present])
        while cursor.fetchone() != (0,) and time.monotonic() < deadline:
            time.sleep(0.05)
            cursor.execute(_OLDER, [present])
        cursor.execute(_VACUUM)


def _pages() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_PAGES)
        return int(cursor.fetchone()[0])
