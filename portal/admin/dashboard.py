"""The numbers on the admin's first page."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from django.db.models import Sum
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.urls import NoReverseMatch, reverse

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import credits
from billing.foundation.checks import NO_EMAIL
from billing.foundation.due.registry import overdue
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import needs_a_person
from billing.foundation.outbox.transport import Transport, transport
from billing.foundation.site.selectors import site
from billing.ledger.alarm import standing_alarm
from billing.ledger.models import Wallet
from billing.metering.models import HourTotal
from billing.metering.unrated.waiting import how_many
from billing.pricing.alarm import standing_alarms
from portal.admin.firststeps import first_steps
from portal.admin.proposals import waiting


@dataclass(frozen=True)
class Tile:
    title: str
    value: str
    remark: str
    href: str
    alarm: bool = False


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    now = clock.now()
    late = [job.name for job in overdue(now)]
    notices = [f"Due work that fails or is late: {', '.join(late)}. Is the worker running?"] if late else []
    if alarm := standing_alarm():
        notices.insert(0, f"{alarm} docs/operations.md, “When the ledger does not add up”, says what to do.")
    notices += standing_alarms()
    if count := waiting().count():
        notices.append(
            f"{count:,} proposal{pluralize(count)} to move credits wait{pluralize(count, 's,')} for a second person:"
            " Money, Proposals."
        )
    if transport() is Transport.NONE:
        notices.append(NO_EMAIL)
    steps = first_steps() if cast(User, request.user).is_superuser else []
    return {**context, "tiles": [*_money(now), *_work(late)], "notices": notices, "first_steps": steps}


def _money(now: datetime) -> list[Tile]:
    wallets = Wallet.objects.aggregate(available=Sum("available"), held=Sum("held"), debt=Sum("debt"))
    outstanding, debt = (wallets["available"] or 0) + (wallets["held"] or 0), wallets["debt"] or 0
    in_debt = Wallet.objects.filter(debt__gt=0).count()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = HourTotal.objects.filter(hour__gte=midnight).aggregate(nano=Sum("amount"), requests=Sum("requests"))
    wallets_url = _changelist("ledger_wallet")
    return [
        Tile("Workspaces", f"{Workspace.objects.count():,}", "customers", _changelist("accounts_workspace")),
        Tile("Outstanding", _amount(outstanding), f"{site().credit_name_plural}, {_usd(outstanding)}", wallets_url),
        Tile(
            "Debt",
            _amount(debt),
            f"{in_debt:,} workspace{pluralize(in_debt)}, {_usd(debt)}",
            wallets_url,
            alarm=debt > 0,
        ),
        Tile(
            "Used today (UTC)",
            _amount(int(today["nano"] or 0)),
            f"{int(today['requests'] or 0):,} requests, {_usd(int(today['nano'] or 0))}",
            _changelist("metering_usageevent"),
        ),
    ]


def _work(late: list[str]) -> list[Tile]:
    unrated = how_many()
    queued = OutboxMessage.objects.filter(status=OutboxMessage.Status.QUEUED).count()
    stuck = OutboxMessage.objects.filter(needs_a_person()).count()
    return [
        Tile(
            "Events without a price",
            f"{unrated:,}",
            "recorded, not charged" if unrated else "everything is priced",
            reverse("unrated"),
            alarm=unrated > 0,
        ),
        Tile(
            "E-mails waiting",
            f"{queued:,}",
            f"{stuck:,} need a person" if stuck else "none needs a person",
            _changelist("foundation_outboxmessage") + ("?waiting=yes" if stuck else ""),
            alarm=stuck > 0,
        ),
        Tile(
            "Due work",
            f"{len(late):,} late" if late else "On time",
            "periodic work",
            reverse("due-work"),
            alarm=bool(late),
        ),
    ]


def _amount(nano: int) -> str:
    return f"{credits(nano):,.2f}"


def _usd(nano: int) -> str:
    return f"${credits(nano) * Decimal(site().usd_per_credit):,.2f}"


def _changelist(name: str) -> str:
    try:
        return reverse(f"admin:{name}_changelist")
    except NoReverseMatch:  # its package registers no page
        return ""
