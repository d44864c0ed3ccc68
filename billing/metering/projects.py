"""Which project an event belongs to, by the name its reporter gave."""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

from django.db import connection
from django.utils.text import slugify

from billing.credits import clock
from billing.metering.events import EventInput, Source
from billing.metering.known import Known

MOST_PROJECTS = 1_000  # per workspace; events with further names have no project
NO_PROJECT: Mapping[str, int | None] = {"": None}
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,60}")

known: Known[tuple[int, str], int] = Known(limit=20_000)


def project_slug(name: str) -> str:
    """The slug of a typed name: itself when it is one."""
    if _SLUG.fullmatch(name):
        return name
    return slugify(name)[:60] or "project-" + sha256(name.encode()).hexdigest()[:12]


def projects_of(workspace_id: int, source: Source, events: Iterable[EventInput]) -> Mapping[str, int | None]:
    """The project of each name in `events`; a key that belongs to a project reports for it alone."""
    names = {event.project for event in events}
    if source.project_id is not None:
        return dict.fromkeys(names, source.project_id)
    if names == {""}:
        return NO_PROJECT
    return {"": None, **project_ids(workspace_id, names - {""})}


def existing_project(workspace_id: int, source: Source, name: str) -> int | None:
    """The project in which usage named like this counts, if there is one already."""
    if source.project_id is not None or not name:
        return source.project_id
    slug = project_slug(name)
    found = known.get((workspace_id, slug))
    if found is None and (found := _stored(workspace_id, slug)) is not None:
        known.remember({(workspace_id, slug): found})
    return found


def project_ids(workspace_id: int, names: set[str]) -> dict[str, int | None]:
    """The project of each name, made if it does not exist. A new name must not lose an event, nor flood the list."""
    found: dict[str, int | None] = {}
    for name in sorted(names):
        slug = project_slug(name)
        project = known.get((workspace_id, slug))
        if project is None:
            project = _stored(workspace_id, slug) or _make(workspace_id, slug, name)
            if project is not None:
                known.remember({(workspace_id, slug): project})
        found[name] = project
    return found


def _stored(workspace_id: int, slug: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM accounts_project WHERE workspace_id = %s AND slug = %s", [workspace_id, slug])
        row = cursor.fetchone()
    return row[0] if row else None


def _make(workspace_id: int, slug: str, name: str) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_project (workspace_id, slug, name, created_at)"
            " SELECT %s, %s, %s, %s WHERE %s >"
            " (SELECT count(*) FROM (SELECT 1 FROM accounts_project WHERE workspace_id = %s LIMIT %s) counted)"
            " ON CONFLICT (workspace_id, slug) DO NOTHING RETURNING id",
            [workspace_id, slug, name[:120], clock.now(), MOST_PROJECTS, workspace_id, MOST_PROJECTS],
        )
        row = cursor.fetchone()
    return row[0] if row else _stored(workspace_id, slug)
