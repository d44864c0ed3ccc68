"""Are the archived details where the database says, and do they belong to its events?"""

import json
from collections.abc import Iterator

from django.db import connection

from billing.metering.archive import files
from billing.metering.models import EventArchive

CHUNK = 2_000

# The row that a line became, by what never changes.
_FOUND = """
SELECT count(*) FROM jsonb_to_recordset(%s::jsonb) AS line(id bigint, event_id text, request_hash text, amount bigint)
JOIN metering_usageevent e ON e.id = line.id AND e.workspace_id = %s AND e.archive_id = %s
    AND e.event_id = line.event_id AND e.request_hash = line.request_hash::bytea AND e.amount = line.amount
"""


def archive_problems(archive: EventArchive) -> Iterator[str]:
    """What is wrong with a file and the rows that name it; nothing when all is well."""
    if archive.thinned_at is None:
        yield f"{archive.file}: archiving was interrupted, the next run finishes it"
        return
    lines = 0
    try:
        for rows in _chunks(archive):
            lines += len(rows)
            with connection.cursor() as cursor:
                cursor.execute(_FOUND, [json.dumps(rows), archive.workspace_id, archive.pk])
                (found,) = cursor.fetchone()
            if found != len(rows):
                yield f"{archive.file}: {len(rows) - found} of {len(rows)} events are not those of the database"
    except files.ArchiveDamaged as error:
        yield str(error)
    else:
        if lines != archive.events:
            yield f"{archive.file}: it has {lines} events, {archive.events} were written"


def _chunks(archive: EventArchive) -> Iterator[list[dict[str, object]]]:
    rows: list[dict[str, object]] = []
    for row in files.read(archive.file, bytes(archive.sha256)):
        rows.append({name: row[name] for name in ("id", "event_id", "request_hash", "amount")})
        if len(rows) == CHUNK:
            yield rows
            rows = []
    if rows:
        yield rows
