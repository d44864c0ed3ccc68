"""The audit log as a file, read in pieces so that no long read holds up the writers."""

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import Max, QuerySet

from billing.foundation.audit.models import AuditEntry

CHUNK = 2_000
COLUMNS = (
    *("id", "at", "who", "action", "target", "workspace", "before", "after", "reason", "ip", "browser", "request_id"),
)


def entries_rows(chosen: QuerySet[AuditEntry]) -> Iterator[tuple[Any, ...]]:
    """One row per entry, oldest first, of those that were there at the start."""
    ids = chosen.order_by().values("pk")
    last, top = 0, chosen.order_by().aggregate(top=Max("pk"))["top"] or 0
    while True:
        # The chosen ones may come from a search that joins: their ids keep each entry to one row.
        page = AuditEntry.objects.filter(pk__in=ids, pk__gt=last, pk__lte=top).select_related("workspace")
        found = list(page.order_by("pk")[:CHUNK])
        for entry in found:
            yield _row(entry)
        if len(found) < CHUNK:
            return
        last = found[-1].pk


def _row(entry: AuditEntry) -> tuple[Any, ...]:
    return (
        entry.pk,
        entry.at.isoformat(timespec="seconds"),
        entry.actor_label,
        entry.action,
        entry.target,
        entry.workspace.public_id if entry.workspace else "",
        _json(entry.before),
        _json(entry.after),
        entry.reason,
        entry.ip,
        entry.user_agent,
        entry.request_id,
    )


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
