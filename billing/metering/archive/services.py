"""Archiving what is older than the operator wants to keep: first the file, then the rows.

A row is thinned only when a file that has it whole is on the disk and known to the database. What a crash interrupts
before that is written again; what it interrupts after that is finished from the file.
"""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from django.db.models import Max

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.alone import alone
from billing.foundation.site.selectors import site
from billing.metering.archive import files
from billing.metering.archive.rows import months_left, next_booked_month, rows_of, thin
from billing.metering.models import EventArchive

LOCK = "event_archive"
PART = 50_000  # events in a file at most


def first_kept_month(months: int, now: datetime) -> date:
    """The earliest month (UTC) whose events keep their details: `months` whole ones and the running one. Events may
    still come in for hours that are younger than the operator's window, so their month is kept, too.
    """
    present = now.astimezone(UTC).date()
    count = present.year * 12 + present.month - 1 - months
    open_since = (now - timedelta(hours=site().late_after_hours)).astimezone(UTC).date()
    return min(date(count // 12, count % 12 + 1, 1), open_since.replace(day=1))


def archive_old_events(*, now: datetime | None = None, seconds: float | None = None) -> int:
    """Archive the months that the site settings say need no details any more; how many events. One process at a time:
    0 when another one is at it. It stops after so many `seconds` between two files; the next run goes on.

    Raises ArchiveDamaged when a file that was begun with cannot be read any more: nothing is changed then.
    """
    months = site().event_detail_months
    if not months:
        return 0
    enough = None if seconds is None else time.monotonic() + seconds
    done = 0
    with alone(LOCK) as mine:
        if not mine:
            return 0
        done += sum(map(_finished, EventArchive.objects.filter(thinned_at=None).order_by("pk")))
        for workspace, month in _due(first_kept_month(months, now or clock.now())):
            for archive in archive_month(workspace, month):
                done += archive.events
                if enough is not None and time.monotonic() > enough:
                    return done
    return done


def archive_month(workspace: Workspace, month: date) -> Iterator[EventArchive]:
    """Archive what counts in a month, file by file."""
    rows = rows_of(workspace.pk, month)
    while part := list(islice(rows, PART)):
        number = _last_part(workspace, month) + 1
        name = f"{workspace.public_id}/{month:%Y-%m}-{number:04}.jsonl.gz"
        about = {"workspace": workspace.public_id, "month": f"{month:%Y-%m}", "part": number}
        written = files.write(name, part, about)
        archive = EventArchive.objects.create(
            workspace=workspace,
            month=month,
            part=number,
            file=name,
            sha256=written.sha256,
            events=len(written.events),
            created_at=clock.now(),
        )
        _thin(archive, written.events)
        yield archive


def _due(before: date) -> Iterator[tuple[Workspace, date]]:
    """Each workspace with each of its months that were not archived yet, oldest first."""
    latest = EventArchive.objects.order_by("workspace", "-month", "-part").distinct("workspace")
    last = {archive.workspace_id: archive for archive in latest}
    for workspace in Workspace.objects.order_by("pk").iterator():
        archive = last.get(workspace.pk)
        month = archive.month if archive else None
        if archive is not None:  # what got its price since, and the rest of a month with more than a file
            left = [each for each in months_left(workspace.pk, until=archive.month) if each < before]
            if archive.events == PART and archive.month not in left and archive.month < before:
                left.append(archive.month)
            yield from ((workspace, each) for each in left)
        while month := next_booked_month(workspace.pk, after=month, before=before):
            yield workspace, month


def _finished(archive: EventArchive) -> int:
    """Thin the rows that a crash left, from the file alone."""
    events = [row["id"] for row in files.read(archive.file, bytes(archive.sha256))]
    return _thin(archive, events)


def _thin(archive: EventArchive, events: list[int]) -> int:
    done = thin(archive.workspace_id, archive.pk, events)
    archive.thinned_at = clock.now()
    archive.save(update_fields=["thinned_at"])
    return done


def _last_part(workspace: Workspace, month: date) -> int:
    made = EventArchive.objects.filter(workspace=workspace, month=month)
    return made.aggregate(last=Max("part"))["last"] or 0
