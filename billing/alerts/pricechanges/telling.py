"""Telling a workspace once of each change: the rows say what was told, and the message goes with them."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from django.db import connection, transaction

from accounts.models import Membership, Workspace
from accounts.roles import Permission, Role, may
from billing.alerts.models import PriceNotice
from billing.alerts.pricechanges.changes import ModelChange
from billing.alerts.pricechanges.impact import Impact, impact
from billing.alerts.pricechanges.messages import compose
from billing.alerts.webhooks.sources import price_changed
from billing.foundation.mail.telling import News
from billing.foundation.mail.telling import tell as tell_people

KIND = "prices.changed"  # dearer ones are among them: nobody can do without
DROPS = "prices.dropped"
TOLD = [role for role in Role.values if may(role, Permission.MANAGE_BILLING)]  # owner, admin, billing

# Whoever comes second waits for the first, and then inserts nothing.
_INSERT = """
INSERT INTO alerts_pricenotice (workspace_id, provider, model, effective_at, rise, told_at)
SELECT %s, fresh.*, %s FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::boolean[]) fresh
ORDER BY 2, 3, 4 ON CONFLICT DO NOTHING RETURNING provider, model, effective_at, rise
"""


def tell(workspace: Workspace, changes: Sequence[ModelChange], *, now: datetime) -> bool:
    """Write one e-mail about those of `changes` that the workspace was not told of and that concern it; whether there
    was one. Somebody who used the model in the 30 days before is concerned.
    """
    fresh = _untold(workspace, changes)
    to = _addresses(workspace) if fresh else []
    if not to:
        return False
    concerned = [(change, found) for change in fresh if (found := impact(workspace.pk, change, now=now)).requests]
    if not concerned:
        return False
    with transaction.atomic():
        mine = _claim(workspace, [change for change, _ in concerned], now)
        told = [each for each in concerned if _row(each[0]) in mine]
        if not told:
            return False
        _send(workspace, told, to=to, now=now)
        for change, _ in told:
            price_changed(workspace, change, now=now)
    return True


def _send(workspace: Workspace, told: Sequence[tuple[ModelChange, Impact]], *, to: list[str], now: datetime) -> None:
    message = compose(workspace, told, now=now)
    what = "|".join(f"{change.ref} {change.at.isoformat()} {change.rise}" for change, _ in told)
    news = News(
        workspace=workspace,
        kind=KIND if any(change.rise for change, _ in told) else DROPS,
        key=f"prices:{workspace.pk}:{sha256(what.encode()).hexdigest()}",
        subject=message.subject,
        text=message.text,
        link=message.link,
        button=message.button,
        also=message.also,
    )
    tell_people(news, to=to)


Row = tuple[str, str, datetime, bool]


def _row(change: ModelChange) -> Row:
    return change.provider, change.model, change.at, change.rise


def _untold(workspace: Workspace, changes: Sequence[ModelChange]) -> list[ModelChange]:
    rows = PriceNotice.objects.filter(workspace=workspace, effective_at__in={change.at for change in changes})
    told = set(rows.values_list("provider", "model", "effective_at", "rise"))
    return [change for change in changes if _row(change) not in told]


def _claim(workspace: Workspace, changes: Sequence[ModelChange], now: datetime) -> set[Row]:
    """Write that the workspace is told; the rows that nobody else had written."""
    columns = [list(column) for column in zip(*map(_row, changes), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [workspace.pk, now, *columns])
        return set(cursor.fetchall())


def _addresses(workspace: Workspace) -> list[str]:
    members = Membership.objects.filter(workspace=workspace, role__in=TOLD, user__is_active=True)
    return list(members.order_by("created_at", "pk").values_list("user__email", flat=True))
