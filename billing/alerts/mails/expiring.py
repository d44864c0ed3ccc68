"""Credits that expire within a week: one mail for each workspace and day on which some do."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import CharField, Exists, F, Func, Min, OuterRef, Sum, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse

from accounts.models import Workspace
from billing.alerts.mails.words import amount, day
from billing.foundation.mail.models import NewsTold
from billing.foundation.mail.telling import News, tell_many
from billing.foundation.site.naming import named
from billing.invoices.profiles import billing_addresses
from billing.ledger.models import Lot, Wallet

KIND = "credits.expiring"
WITHIN = timedelta(days=7)


class UtcDay(Func):
    """The day of a moment in UTC, whatever the session's time zone: "2027-02-03"."""

    template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
    output_field = CharField()


def expiring_tell(*, now: datetime, limit: int) -> int:
    """Tell of up to `limit` workspaces and days that nobody was told of; how many."""
    soon = Wallet.objects.filter(next_due_at__lte=now + WITHIN)
    key = Concat(Value("credits-expiring:"), Cast("workspace_id", CharField()), Value(":"), UtcDay("expires_at"))
    lots = (
        Lot.objects.filter(workspace__wallet__in=soon, open=True, scheduled=False)
        .filter(expires_at__gt=now, expires_at__lte=now + WITHIN)
        .annotate(told_key=key)
        .filter(~Exists(NewsTold.objects.filter(key=OuterRef("told_key"))))
    )
    found = list(
        lots.values("workspace_id", "told_key")
        .annotate(left=Sum(F("remaining")), first=Min("expires_at"))
        .order_by("first", "workspace_id")[:limit]
    )
    workspaces = Workspace.objects.in_bulk({row["workspace_id"] for row in found})
    also = billing_addresses(list(workspaces))
    tell_many([(_news(workspaces[row["workspace_id"]], row, now), also.get(row["workspace_id"], [])) for row in found])
    return len(found)


def _news(workspace: Workspace, row: dict[str, object], now: datetime) -> News:
    left, first = row["left"], row["first"]
    assert isinstance(first, datetime)  # noqa: S101 - an aggregate over rows that have one
    many = amount(int(str(left)))
    days = round((first - now) / timedelta(days=1))
    when = f"in {days} days" if days > 1 else "soon"
    return News(
        workspace=workspace,
        kind=KIND,
        key=str(row["told_key"]),
        subject=f"{many} of {workspace.name} expire {when}",
        text=(
            f"{many} of {workspace.name} expire on {day(workspace, first)}, if they are not used before."
            + named("\n\nThey are used first, before credits that last longer. There is nothing you have to do.")
        ),
        link=settings.SITE_URL + reverse("overview:credits", args=[workspace.public_id]),
        button=named("See your credits"),
    )
