"""Credits that came in: a mail for each lot, but for what was bought (bonus included), whose receipt says it. After the
first few of a day (UTC) one mail says that there are more.
"""

from collections.abc import Container, Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Window
from django.db.models.functions import RowNumber, TruncDate
from django.urls import reverse

from accounts.models import Workspace
from billing.alerts.mails.words import amount, day
from billing.credits import clock
from billing.foundation.mail.kinds import kind_of
from billing.foundation.mail.models import MailWatch
from billing.foundation.mail.readers import readers_of
from billing.foundation.mail.telling import News, tell_many
from billing.foundation.site.naming import named
from billing.foundation.site.selectors import site
from billing.invoices.profiles import billing_addresses
from billing.ledger.accounts import EXTEND
from billing.ledger.models import Lot

KIND = "credits.granted"
WATCH = "credits granted"
NEWS = timedelta(days=1)  # what came in longer ago is history: what is imported, for example
BEGINNING = timedelta(hours=1)  # what a workspace begins with is no news to whoever has just made it
MOST_A_DAY = 3  # mails about single lots
SETTLED = timedelta(hours=1)  # a lot's number is drawn some time before it is committed


def credits_came(workspace_ids: Sequence[int]) -> None:
    """Subscriber of `credits_came_in`, for one or for a batch of workspaces: four queries where nobody wants to read
    of it, and a few more where somebody does.
    """
    wanting = _wanting(workspace_ids)
    if wanting:
        _tell(wanting, since=clock.now() - NEWS)


def grants_look(*, now: datetime, limit: int) -> int:
    """Tell of lots whose telling was lost with the process that should have; each is looked at once, an hour after it
    came, up to `limit`. How many were looked at.
    """
    settled = Lot.objects.filter(created_at__lt=now - SETTLED)
    watch, made = MailWatch.objects.get_or_create(
        name=WATCH, defaults={"upto": settled.aggregate(last=Max("pk"))["last"] or 0}
    )
    if made:
        return 0
    found = list(settled.filter(pk__gt=watch.upto).order_by("pk").values_list("pk", "workspace_id")[:limit])
    if found:
        with transaction.atomic():
            if wanting := _wanting(sorted({workspace_id for _, workspace_id in found})):
                _tell(wanting, since=now - 2 * NEWS, of={pk for pk, _ in found})
            MailWatch.objects.filter(name=WATCH, upto__lt=found[-1][0]).update(upto=found[-1][0])
    return len(found)


def _wanting(workspace_ids: Sequence[int]) -> dict[int, list[str]]:
    """Of these workspaces, those where somebody reads it, with the addresses of their billing details."""
    asked = {pk: list[str]() for pk in workspace_ids} | billing_addresses(workspace_ids)
    readers = readers_of(kind_of(KIND).category, asked)
    return {workspace_id: asked[workspace_id] for workspace_id in readers}


def _tell(wanting: dict[int, list[str]], *, since: datetime, of: Container[int] | None = None) -> None:
    """Of lots that came `since`, and are among `of`."""
    first = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)  # days are counted whole
    lots = Lot.objects.filter(workspace__in=wanting, created_at__gte=first)
    given = lots.exclude(source=Lot.Source.BOUGHT).exclude(operation__namespace__in=("packs", "invoices"))
    given = given.exclude(operation__kind=EXTEND)  # nothing came in
    given = given.filter(created_at__gt=F("workspace__created_at") + BEGINNING)
    day_of = TruncDate("created_at", tzinfo=UTC)
    nth = Window(RowNumber(), partition_by=[F("workspace_id"), day_of], order_by="pk")
    rows = given.annotate(nth=nth).filter(nth__lte=MOST_A_DAY + 1).select_related("workspace").order_by("pk")
    told = [lot for lot in rows if lot.created_at >= since and (of is None or lot.pk in of)]
    tell_many([(_more(lot) if lot.nth > MOST_A_DAY else _news(lot), wanting[lot.workspace_id]) for lot in told])


def _news(lot: Lot) -> News:
    workspace: Workspace = lot.workspace
    many = amount(lot.amount)
    until = day(workspace, lot.expires_at) if lot.expires_at else "no expiry"
    facts = [f"{named('Credits')}: {many}", f"For: {lot.label}", f"Good until: {until}"]
    if lot.effective_at > lot.created_at:
        facts.insert(2, f"Good from: {day(workspace, lot.effective_at)}")
    return News(
        workspace=workspace,
        kind=KIND,
        key=f"credits-granted:{lot.pk}",
        subject=f"{many} for {workspace.name}",
        text=f"{many} came in for {workspace.name}.\n\n" + "\n".join(facts),
        link=settings.SITE_URL + reverse("overview:credits", args=[workspace.public_id]),
        button=named("See your credits"),
    )


def _more(lot: Lot) -> News:
    """From this lot on, no mails about single ones on that day."""
    workspace: Workspace = lot.workspace
    units = site().credit_name_plural
    return News(
        workspace=workspace,
        kind=KIND,
        key=f"credits-granted:{workspace.pk}:{lot.created_at.astimezone(UTC):%Y-%m-%d}:more",
        subject=f"More {units} for {workspace.name}",
        text=(
            f"Further {units} came in for {workspace.name} today. So that you do not get a mail for each, this is the"
            f" last one of today (UTC). All that came in is on the page of your {units}."
        ),
        link=settings.SITE_URL + reverse("overview:credits", args=[workspace.public_id]),
        button=f"See your {units}",
    )
