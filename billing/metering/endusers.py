"""End users: one row per name, its id remembered in the process. Only events that name one come here."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection

from billing.foundation.site.selectors import site
from billing.metering.known import Known
from billing.metering.models import EndUser, UsageEvent
from billing.metering.series import OTHER

known: Known[tuple[int, str], int] = Known(limit=100_000)


def end_user_ids(workspace_id: int, named: Collection[tuple[datetime, str]], *, now: datetime) -> dict[str, int]:
    """The row of each end user, made if need be. Call it under the wallet lock: it serialises the making.

    Once a workspace has made `site().max_end_users` today (UTC), further ones are "other". That is not remembered:
    whoever has a row was counted in it since it was made, and before as "other" (see `counted_as`).
    """
    if not named:
        return {}
    wanted = {name for _, name in named}
    found = {name: pk for name in wanted if (pk := known.get((workspace_id, name))) is not None}
    missing = sorted(wanted - found.keys())
    if not missing:
        return found
    own = _stored(workspace_id, missing)
    fresh = [name for name in missing if name not in own]
    room = max(site().max_end_users - _made_today(workspace_id, now), 0) if fresh else 0
    own |= _made(workspace_id, fresh[:room], now)
    known.remember({(workspace_id, name): pk for name, pk in own.items()})
    if crowded := fresh[room:]:
        other = {**_stored(workspace_id, [OTHER]), **own}.get(OTHER) or _made(workspace_id, [OTHER], now)[OTHER]
        own |= dict.fromkeys(crowded, other)
    return found | own


def counted_as(event: UsageEvent) -> EndUser:
    """The row that an event with an end user was counted in when it was recorded."""
    rows = EndUser.objects.filter(workspace_id=event.workspace_id, name__in=[event.end_user, OTHER])
    named = {row.name: row for row in rows if row.created_at <= event.recorded_at}
    return named.get(event.end_user) or named[OTHER]


def _stored(workspace_id: int, names: list[str]) -> dict[str, int]:
    rows = EndUser.objects.filter(workspace_id=workspace_id, name__in=names)
    return dict(rows.values_list("name", "pk"))


def _made_today(workspace_id: int, now: datetime) -> int:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    made = EndUser.objects.filter(workspace_id=workspace_id, created_at__gte=midnight)
    return made[: site().max_end_users].count()


def _made(workspace_id: int, names: list[str], now: datetime) -> dict[str, int]:
    if not names:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO metering_enduser (workspace_id, name, created_at) SELECT %s, made.name, %s"
            " FROM unnest(%s::text[]) made(name) RETURNING name, id",
            [workspace_id, now, names],
        )
        return dict(cursor.fetchall())
