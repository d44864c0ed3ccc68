"""The parts of a customer's page: the newest few rows of each list, and the way to all of them.

Every part reads by an index on the workspace, a few rows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils.html import format_html

from accounts.models import ApiKey, Membership, Workspace
from billing.alerts.notices.models import Notice
from billing.alerts.usage.models import UsageAlert
from billing.credits.units import credits
from billing.foundation.audit.models import AuditEntry
from billing.foundation.desk.models import Proposal
from billing.foundation.outbox.models import OutboxMessage
from billing.invoices.models import Document
from billing.invoices.money import money_text
from billing.ledger.models import Lot, Transfer
from billing.metering.models import HourTotal, HourUsage
from billing.packs.models import Purchase
from billing.plans.models import Subscription
from billing.pricing.models import PriceDiscount, PriceOverride, TierSchedule
from billing.usage.budgets.models import Budget

NEWEST = 5
DAYS = 30
Row = Sequence[Any]


@dataclass(frozen=True)
class Part:
    """`more`: its list, for this workspace; empty where there is none. `numbers`: columns that are set to the right."""

    key: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    empty: str
    more: str = ""
    numbers: frozenset[str] = frozenset()
    wide: bool = False

    @property
    def heads(self) -> list[tuple[str, bool]]:
        return [(column, column in self.numbers) for column in self.columns]

    @property
    def cells(self) -> list[list[tuple[Any, bool]]]:
        return [
            [(cell, column in self.numbers) for column, cell in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]


def amount_short(nano: int) -> str:
    """Credits for a table: two places, more where that would read as nothing."""
    text = f"{credits(nano):,.2f}"
    return f"{credits(nano):,.6f}" if nano and text in ("0.00", "-0.00") else text


def at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "–"


def when(moment: datetime | None) -> str:
    """The same, in one line of a table."""
    return format_html('<span class="whitespace-nowrap">{}</span>', at(moment))


def listed(name: str, workspace: Workspace) -> str:
    """The list of a model, for this workspace."""
    return f"{reverse(f'admin:{name}_changelist')}?workspace__id__exact={workspace.pk}"


def link(name: str, pk: int, text: object) -> str:
    return format_html('<a class="underline" href="{}">{}</a>', reverse(f"admin:{name}_change", args=[pk]), text)


def _plan(workspace: Workspace, now: datetime) -> Part:
    found = Subscription.objects.filter(workspace=workspace).select_related("version__plan", "credit_tier")
    rows = [
        (
            link("plans_subscription", row.pk, f"{row.version.plan.name} v{row.version.number}"),
            row.credit_tier or "–",
            row.get_interval_display() or "–",
            row.get_status_display(),
            when(row.started_at),
            when(row.paid_until),
            when(row.ends_at or row.ended_at),
        )
        for row in found.order_by("-started_at")[:3]
    ]
    columns = ("Plan", "Tier", "Billed", "State", "Since", "Paid until", "Ends")
    return Part("plan", "Plan", columns, rows, "It has no plan.", listed("plans_subscription", workspace), wide=True)


def _lots(workspace: Workspace, now: datetime) -> Part:
    found = Lot.objects.filter(workspace=workspace).order_by("-id")[:NEWEST]
    rows = [
        (
            link("ledger_lot", lot.pk, lot.label),
            lot.get_source_display(),
            amount_short(lot.amount),
            amount_short(lot.remaining),
            when(lot.expires_at) if lot.expires_at else "never",
        )
        for lot in found
    ]
    columns = ("Lot", "Source", "Brought in", "Left", "Expires")
    numbers = frozenset({"Brought in", "Left"})
    more = listed("ledger_lot", workspace)
    return Part("lots", "Lots", columns, rows, "It never had credits.", more, numbers, wide=True)


def _ledger(workspace: Workspace, now: datetime) -> Part:
    found = Transfer.objects.filter(workspace=workspace).select_related("operation").order_by("-seq")[:NEWEST]
    rows = [
        (
            when(row.created_at),
            link("ledger_operation", row.operation_id, row.kind),
            amount_short(row.amount),
            amount_short(row.balance_after),
            row.operation.reason or "–",
        )
        for row in found
    ]
    columns, numbers = ("At", "Entry", "Credits", "Available then", "Reason"), frozenset({"Credits", "Available then"})
    more = listed("ledger_transfer", workspace)
    return Part("ledger", "Latest ledger entries", columns, rows, "Nothing was posted yet.", more, numbers, wide=True)


def _days(workspace: Workspace, now: datetime) -> Part:
    since = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    found = HourTotal.objects.filter(workspace=workspace, hour__gte=since).annotate(day=TruncDate("hour"))
    sums = found.values("day").annotate(nano=Sum("amount"), count=Sum("requests")).order_by("-day")
    rows = [(f"{row['day']:%Y-%m-%d}", f"{row['count']:,}", amount_short(int(row["nano"]))) for row in sums]
    columns, numbers = ("Day (UTC)", "Requests", "Credits"), frozenset({"Requests", "Credits"})
    more = listed("metering_usageevent", workspace)
    return Part("days", f"Usage of the last {DAYS} days", columns, rows, "Nothing was used.", more, numbers)


def _models(workspace: Workspace, now: datetime) -> Part:
    since = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    found = HourUsage.objects.filter(workspace=workspace, hour__gte=since)
    sums = found.values("series__provider", "series__model").annotate(nano=Sum("amount"), count=Sum("requests"))
    rows = [
        (
            "/".join(filter(None, (row["series__provider"], row["series__model"]))) or "platform",
            f"{row['count']:,}",
            amount_short(int(row["nano"])),
        )
        for row in sums.order_by("-nano")[: 2 * NEWEST]
    ]
    columns, numbers = ("Model", "Requests", "Credits"), frozenset({"Requests", "Credits"})
    more = listed("metering_usageevent", workspace)
    return Part("models", f"By model, {DAYS} days", columns, rows, "Nothing was used.", more, numbers)


def _invoices(workspace: Workspace, now: datetime) -> Part:
    rows = [
        (
            link("invoices_document", row.pk, row.number or "draft"),
            row.get_purpose_display(),
            money_text(row.total, row.currency),
            row.get_status_display(),
            when(row.issued_at),
        )
        for row in Document.objects.filter(workspace=workspace).order_by("-issued_at", "-id")[:NEWEST]
    ]
    columns = ("Number", "For", "Total", "State", "Issued")
    more = listed("invoices_document", workspace)
    return Part("invoices", "Invoices", columns, rows, "It has no invoice.", more, frozenset({"Total"}))


def _purchases(workspace: Workspace, now: datetime) -> Part:
    rows = [
        (
            link("packs_purchase", row.pk, row.name),
            "automatic" if row.automatic else row.buyer_label,
            money_text(row.amount, row.currency),
            row.get_status_display(),
            when(row.created_at),
        )
        for row in Purchase.objects.filter(workspace=workspace).order_by("-created_at", "-id")[:NEWEST]
    ]
    columns = ("What", "By", "Price", "State", "At")
    more = listed("packs_purchase", workspace)
    return Part("purchases", "Purchases", columns, rows, "It bought nothing.", more, frozenset({"Price"}))


def _members(workspace: Workspace, now: datetime) -> Part:
    found = Membership.objects.filter(workspace=workspace).select_related("user").order_by("created_at", "pk")
    rows = [
        (link("accounts_user", row.user_id, row.user.email), row.get_role_display(), when(row.last_seen_at))
        for row in found[: 2 * NEWEST]
    ]
    more = reverse("admin:accounts_workspace_change", args=[workspace.pk])
    return Part("members", "Members", ("Person", "Role", "Last seen"), rows, "Nobody is a member.", more)


def _keys(workspace: Workspace, now: datetime) -> Part:
    found = ApiKey.objects.filter(workspace=workspace).defer("digest").order_by("-created_at", "-pk")[:NEWEST]
    rows = [
        (
            link("accounts_apikey", key.pk, key.name),
            f"{key.prefix}…",
            ", ".join(key.scopes),
            key.state,
            when(key.last_used_at),
        )
        for key in found
    ]
    columns = ("Key", "Begins with", "Scopes", "State", "Last used")
    return Part(
        "keys", "API keys", columns, rows, "It has no API key.", listed("accounts_apikey", workspace), wide=True
    )


def _alerts(workspace: Workspace, now: datetime) -> Part:
    found = UsageAlert.objects.filter(workspace=workspace).order_by("-at", "-id")[:NEWEST]
    rows = [(when(row.at), row.line, row.get_told_display()) for row in found]
    more = listed("alerts_usagealert", workspace)
    return Part("alerts", "Usage alerts", ("At", "What", "Told"), rows, "No alert so far.", more)


def _notices(workspace: Workspace, now: datetime) -> Part:
    found = Notice.objects.filter(workspace=workspace).order_by("-id")[:NEWEST]
    rows = [(when(row.created_at), row.title, row.audience) for row in found]
    return Part("notices", "Notices behind the bell", ("At", "What", "For"), rows, "No notice so far.")


def _mails(workspace: Workspace, now: datetime) -> Part:
    found = OutboxMessage.objects.filter(workspace=workspace).defer("text", "html").order_by("-id")[:NEWEST]
    rows = [
        (
            when(row.created_at),
            link("foundation_outboxmessage", row.pk, row.subject),
            ", ".join(row.to),
            row.get_status_display(),
        )
        for row in found
    ]
    more = listed("foundation_outboxmessage", workspace)
    return Part("mails", "E-mails", ("At", "Subject", "To", "State"), rows, "No e-mail so far.", more, wide=True)


def _agreed(workspace: Workspace, now: datetime) -> Part:
    """Of its own, and what its plan takes off, as far as it holds or will."""
    of: Iterable[tuple[str, str, Any]] = (
        ("Agreed price", "pricing_priceoverride", PriceOverride.objects),
        ("Plan discount", "pricing_pricediscount", PriceDiscount.objects),
        ("Tiers", "pricing_tierschedule", TierSchedule.objects),
    )
    rows = [
        (what, link(name, row.pk, row), when(row.effective_from), when(row.effective_to))
        for what, name, rows_of in of
        for row in rows_of.filter(workspace=workspace).exclude(effective_to__lte=now).order_by("-id")[:NEWEST]
    ]
    columns = ("What", "Terms", "From", "Until")
    more = listed("pricing_priceoverride", workspace)
    return Part("agreed", "Agreed prices and discounts", columns, rows, "It pays the list prices.", more, wide=True)


def _budgets(workspace: Workspace, now: datetime) -> Part:
    found = Budget.objects.filter(workspace=workspace).order_by("-id")[:NEWEST]
    rows = [
        (
            link("budgets_budget", row.pk, f"{row.level}, each {row.period}"),
            amount_short(row.amount),
            "stops requests" if row.stops else "tells people",
        )
        for row in found
    ]
    more = listed("budgets_budget", workspace)
    return Part(
        "budgets", "Budgets", ("Of", "Credits", "Does"), rows, "No budget is set.", more, frozenset({"Credits"})
    )


def _proposals(workspace: Workspace, now: datetime) -> Part:
    found = Proposal.objects.filter(workspace=workspace).order_by("-id")[:NEWEST]
    rows = [
        (when(row.created_at), link("foundation_proposal", row.pk, row.summary), row.proposer_label, row.state)
        for row in found
    ]
    columns, more = ("At", "What", "Proposed by", "State"), listed("foundation_proposal", workspace)
    return Part("proposals", "Large adjustments", columns, rows, "None was proposed.", more, wide=True)


def _audit(workspace: Workspace, now: datetime) -> Part:
    found = AuditEntry.objects.filter(workspace=workspace).order_by("-id")[: 2 * NEWEST]
    rows = [
        (
            when(row.at),
            row.actor_label,
            link("foundation_auditentry", row.pk, row.action),
            row.target,
            row.reason or "–",
        )
        for row in found
    ]
    columns, more = ("At", "Who", "Did", "To", "Why"), listed("foundation_auditentry", workspace)
    return Part("audit", "Audit log", columns, rows, "Nothing was written down yet.", more, wide=True)


# Who may read a part, and how it is read.
PARTS: tuple[tuple[str, Callable[[Workspace, datetime], Part]], ...] = (
    ("plans.view_subscription", _plan),
    ("ledger.view_lot", _lots),
    ("ledger.view_transfer", _ledger),
    ("metering.view_usageevent", _days),
    ("metering.view_usageevent", _models),
    ("invoices.view_document", _invoices),
    ("packs.view_purchase", _purchases),
    ("accounts.view_workspace", _members),
    ("budgets.view_budget", _budgets),
    ("pricing.view_priceoverride", _agreed),
    ("alerts.view_usagealert", _alerts),
    ("alerts.view_usagealert", _notices),
    ("foundation.view_proposal", _proposals),
    ("accounts.view_apikey", _keys),
    ("foundation.view_outboxmessage", _mails),
    ("foundation.view_auditentry", _audit),
)
