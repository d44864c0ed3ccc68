"""The numbers on the admin's first page."""

from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from django.db.models import Sum
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.timesince import timesince

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import credits
from billing.foundation.checks import NO_EMAIL
from billing.foundation.due.models import DueJob
from billing.foundation.due.registry import overdue
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import needs_a_person
from billing.foundation.outbox.transport import Transport, transport
from billing.foundation.site.selectors import site
from billing.ledger.alarm import JOB as VERIFICATION
from billing.ledger.alarm import standing_alarm
from billing.ledger.models import Wallet
from billing.metering.models import HourTotal
from billing.metering.unrated.waiting import how_many
from billing.packs.autotopup.models import AutoTopUp
from billing.pricing.alarm import standing_alarms
from billing.pricing.models import PriceLine
from portal.admin import duework, priceapprovals, unrated
from portal.admin.firststeps import first_steps
from portal.admin.money.page import PERMISSION as MONEY
from portal.admin.money.tiles import money_tiles
from portal.admin.proposals import waiting
from portal.admin.tiles import Tile

WALLET = "ledger.view_wallet"


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
    user = cast(User, request.user)
    steps = first_steps() if user.is_superuser else []
    money = money_tiles(now) if user.has_perm(MONEY) else []
    groups = {"Money": money, "Balances": _balances(now), "Work": _work(now, late)}
    return {
        **context,
        "groups": [
            (title, shown)
            for title, tiles in groups.items()
            if (shown := [tile for tile in tiles if user.has_perm(tile.permission)])
        ],
        "notices": notices,
        "first_steps": steps,
    }


def _balances(now: datetime) -> list[Tile]:
    wallets = Wallet.objects.aggregate(available=Sum("available"), held=Sum("held"), debt=Sum("debt"))
    outstanding, debt = (wallets["available"] or 0) + (wallets["held"] or 0), wallets["debt"] or 0
    in_debt = Wallet.objects.filter(debt__gt=0).count()
    failing = AutoTopUp.failing().count()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    requests = HourTotal.objects.filter(hour__gte=midnight).aggregate(sum=Sum("requests"))["sum"] or 0
    wallets_url = reverse("admin:ledger_wallet_changelist")
    return [
        Tile(
            "Workspaces",
            f"{Workspace.objects.count():,}",
            "customers",
            reverse("admin:accounts_workspace_changelist"),
            "accounts.view_workspace",
        ),
        Tile(
            "Outstanding",
            _amount(outstanding),
            f"{site().credit_name_plural}, {_usd(outstanding)}",
            wallets_url,
            WALLET,
        ),
        Tile(
            "Debt",
            _amount(debt),
            f"{in_debt:,} workspace{pluralize(in_debt)}, {_usd(debt)}",
            f"{wallets_url}?debt_since__isempty=0",
            WALLET,
            alarm=debt > 0,
        ),
        Tile(
            "Failing top-ups",
            f"{failing:,}",
            "do not charge though they should" if failing else "every automatic top-up charges",
            f"{reverse('admin:packs_autotopup_changelist')}?failing=yes",
            "packs.view_autotopup",
            alarm=failing > 0,
        ),
        Tile(
            "Requests today",
            f"{int(requests):,}",
            "recorded for today (UTC)",
            reverse("admin:metering_usageevent_changelist"),
            "metering.view_usageevent",
        ),
    ]


def _work(now: datetime, late: list[str]) -> list[Tile]:
    waiting = how_many()
    held = PriceLine.objects.filter(status=PriceLine.Status.PENDING).count()
    queued = OutboxMessage.objects.filter(status=OutboxMessage.Status.QUEUED).count()
    stuck = OutboxMessage.objects.filter(needs_a_person()).count()
    return [
        Tile(
            "Events without a price",
            f"{waiting:,}",
            "recorded, not charged" if waiting else "everything is priced",
            reverse("unrated"),
            unrated.PERMISSION,
            alarm=waiting > 0,
        ),
        Tile(
            "Held prices",
            f"{held:,}",
            "await approval" if held else "none awaits approval",
            reverse("price-approvals"),
            priceapprovals.PERMISSION,
            alarm=held > 0,
        ),
        Tile(
            "E-mails waiting",
            f"{queued:,}",
            f"{stuck:,} need a person" if stuck else "none needs a person",
            reverse("admin:foundation_outboxmessage_changelist") + ("?waiting=yes" if stuck else ""),
            "foundation.view_outboxmessage",
            alarm=stuck > 0,
        ),
        Tile(
            "Due work",
            f"{len(late):,} late" if late else "On time",
            "periodic work",
            reverse("due-work"),
            duework.PERMISSION,
            alarm=bool(late),
        ),
        _verification(now),
    ]


def _verification(now: datetime) -> Tile:
    """When the ledger was last verified, and what came of it."""
    row = DueJob.objects.filter(name=VERIFICATION).first()
    finished = row.last_finished_at if row else None
    when = f"last verified {timesince(finished, now, depth=1)} ago" if finished else "not verified yet"
    failed = bool(row and row.last_error)
    value = "Look at it" if failed else "Adds up" if finished else "–"
    return Tile("Ledger", value, when, reverse("trial-balance"), MONEY, alarm=failed)


def _amount(nano: int) -> str:
    return f"{credits(nano):,.2f}"


def _usd(nano: int) -> str:
    return f"${credits(nano) * Decimal(site().usd_per_credit):,.2f}"
