"""Writing alerts down, with their events and their mail, in one transaction."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from accounts.models import Workspace
from billing.alerts.usage.engine import WEEK, way
from billing.alerts.usage.facts import Stands
from billing.alerts.usage.models import UsageAlert
from billing.alerts.webhooks.amounts import amount
from billing.alerts.webhooks.balances import told_locked
from billing.alerts.webhooks.emitting import event_emit, moment
from billing.credits import clock
from billing.credits.format import credits_text
from billing.foundation.mail.telling import News
from billing.foundation.mail.telling import tell as tell_people
from billing.foundation.site.naming import named
from billing.foundation.site.selectors import site
from billing.invoices.profiles import recipients
from billing.metering.lasting import lasts_text
from billing.metering.selectors.forecast import runway

log = logging.getLogger(__name__)

Told = UsageAlert.Told


@dataclass(frozen=True, slots=True)
class Fired:
    """`key`: once per workspace and alert. Nano-credits: what was reached, and what was used."""

    alert: str
    key: str
    amount: int
    used: int
    line: str
    quiet: bool


def tell(workspace: Workspace, here: Stands, fired: Sequence[Fired], *, now: datetime) -> bool:
    """Write down what happened and tell it: in a mail now, or in the next summary. Under the workspace's lock of
    `told_locked`, so it is not told yet. Whether there was something.
    """
    rows = [_row(workspace, here, each, now) for each in fired if each.alert != "recovered"]
    UsageAlert.objects.bulk_create(rows)
    loud = [row for row in rows if row.told != Told.QUIET]
    for row in loud:
        if row.alert not in ("low", "stopped"):
            _event(workspace, here, row)
    if loud:
        _mail(workspace, here, loud, now)
    return bool(fired)


def summaries_send(*, now: datetime, limit: int) -> int:
    """Send up to `limit` summaries of what waits, where one may go; how many. A workspace that fails keeps no other
    waiting, and is told about at the end.
    """
    waiting = UsageAlert.objects.filter(told=Told.WAITING).values_list("workspace_id", flat=True)
    sent, failures = 0, []
    for workspace_id in waiting.order_by("workspace_id").distinct()[:limit]:
        try:
            sent += _summary_send(workspace_id)
        except Exception as failure:
            log.exception("the summary of workspace %s could not be sent", workspace_id)
            failures.append(failure)
    if failures:
        raise ExceptionGroup(f"{sent} summaries were sent, {len(failures)} could not be", failures)
    return sent


def _summary_send(workspace_id: int) -> bool:
    with transaction.atomic():
        (row,) = told_locked([workspace_id])
        now = clock.now()
        rows = list(_waiting(row.workspace))
        if not rows or way("summary", mails(row.workspace, now), now) == "wait":
            return False
        _send(row.workspace, "usage.summary", _summary_subject(row.workspace), rows, [], now)
        return True


def mails(workspace: Workspace, now: datetime) -> list[tuple[datetime, str]]:
    """When mails about usage went in the last seven days, and what each was about."""
    found: dict[datetime, str] = {}
    rows = UsageAlert.objects.filter(workspace=workspace, mailed_at__gt=now - WEEK).order_by("pk")
    for at, told, alert in rows.values_list("mailed_at", "told", "alert"):
        assert at is not None  # noqa: S101 - by the filter
        if told == Told.MAILED:
            found[at] = "stopped" if "stopped" in (alert, found.get(at)) else alert
        else:
            found.setdefault(at, "summary")
    return sorted(found.items())


def _waiting(workspace: Workspace) -> QuerySet[UsageAlert]:
    return UsageAlert.objects.filter(workspace=workspace, told=Told.WAITING).order_by("pk")


def _row(workspace: Workspace, here: Stands, fired: Fired, now: datetime) -> UsageAlert:
    return UsageAlert(
        workspace=workspace,
        alert=fired.alert,
        key=fired.key,
        amount=fired.amount,
        used=fired.used,
        balance=here.there,
        line=fired.line,
        told=Told.QUIET if fired.quiet else Told.WAITING,
        at=now,
    )


def _event(workspace: Workspace, here: Stands, row: UsageAlert) -> None:
    span = here.month if row.alert == "money" else here.period
    data = {
        "threshold": f"{row.alert}%" if row.alert != "money" else "month",
        "period_start": moment(span.start),
        "period_end": moment(span.end),
        **amount("reached", row.amount),
        **amount("used", row.used),
        **amount("balance", here.available),
        **amount("held", here.held),
    }
    event_emit(workspace, "usage.threshold", f"usage:{row.alert}:{row.key}", data, at=row.at)


def _mail(workspace: Workspace, here: Stands, rows: list[UsageAlert], now: datetime) -> None:
    """One mail for what happened together, and what waits goes along."""
    about = next((row for row in rows if row.alert == "stopped"), rows[0])
    if not recipients(workspace):
        UsageAlert.objects.filter(pk__in=[row.pk for row in rows]).update(told=Told.NOBODY)
        return
    if way(about.alert, mails(workspace, now), now) == "wait":
        return
    mine = {row.pk for row in rows}
    waited = [row for row in _waiting(workspace) if row.pk not in mine]
    kind = {"low": "usage.low", "stopped": "usage.exhausted"}.get(about.alert, "usage.threshold")
    _send(workspace, kind, _subject(workspace, about), rows, waited, now)


def _subject(workspace: Workspace, row: UsageAlert) -> str:
    units = site().credit_name_plural
    if row.alert == "stopped":
        return f"{workspace} has no {units} left: requests are refused"
    if row.alert == "low":
        return f"{workspace} is running low on {units}: {credits_text(row.balance)} left"
    if row.alert == "money":
        return f"{workspace} has used more than you set for a month"
    return f"{workspace} has used {row.alert} % of this period’s {units}"


def _summary_subject(workspace: Workspace) -> str:
    return f"What happened to the {site().credit_name_plural} of {workspace}"


def _send(
    workspace: Workspace, kind: str, subject: str, rows: list[UsageAlert], waited: list[UsageAlert], now: datetime
) -> None:
    ids = [row.pk for row in [*rows, *waited]]
    address = settings.SITE_URL + reverse("overview:alerts", args=[workspace.public_id])
    buy = settings.SITE_URL + reverse("packs:buy", args=[workspace.public_id])
    summary = kind == "usage.summary"
    news = News(
        workspace=workspace,
        kind=kind,
        key=f"usage:{workspace.public_id}:{max(ids)}",
        subject=subject,
        text=_text(workspace, rows, waited, summary=summary, now=now),
        link=address if summary else buy,
        button="Alerts & limits" if summary else named("Add credits"),
        also=() if summary else (("What you are told, and when", address),),
    )
    tell_people(news, to=recipients(workspace))
    UsageAlert.objects.filter(pk__in=[row.pk for row in waited]).update(told=Told.SUMMARY, mailed_at=now)
    UsageAlert.objects.filter(pk__in=[row.pk for row in rows]).update(
        told=Told.SUMMARY if summary else Told.MAILED, mailed_at=now
    )


def _text(
    workspace: Workspace, rows: list[UsageAlert], waited: list[UsageAlert], *, summary: bool, now: datetime
) -> str:
    parts = [_listed([_dated(row) if summary else row.line for row in rows])]
    if waited:
        parts += ["Since the last mail:", _listed([_dated(row) for row in waited])]
    there = rows[-1].balance
    lasting = runway(workspace.pk, available=there, now=now) if there else None
    if lasting and not summary:
        parts.append(f"The balance is {credits_text(there)} {site().credit_name_plural}: {lasts_text(lasting)} left.")
    if any(row.alert == "stopped" for row in rows):
        parts.append(
            named("Nothing was lost: what was running is recorded, and the next credits let requests through at once.")
        )
    return "\n\n".join(parts)


def _listed(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) if len(lines) > 1 else lines[0]


def _dated(row: UsageAlert) -> str:
    return f"{row.at:%-d %b, %H:%M} UTC: {row.line}"
