"""The ledger as people read it, and the page of each of its rows."""

from datetime import UTC, datetime, timedelta

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render

from accounts.access import WorkspaceRequest
from billing.foundation.site.naming import named
from billing.foundation.site.selectors import site
from billing.ledger.selectors import transfers
from billing.metering.models import HourTotal, UsageEvent
from billing.metering.selectors.breakdown import breakdown
from billing.metering.selectors.events import BadCursor, booked_events
from billing.metering.selectors.totals import spent
from billing.overview import statement
from billing.overview.activity import HOUR_FORMAT, feed
from billing.overview.entrypage import EVENTS as MOST_EVENTS
from billing.overview.entrypage import entry_page
from billing.overview.page import page
from billing.overview.receipt import event_receipt
from billing.overview.statement import net_change
from billing.overview.words import kind_words

EVENTS = 50
ENTRIES = 50
MOST_SEQ = 2**62


@page
def activity(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Usage per hour and everything else one by one, or every ledger entry."""
    view = request.GET.get("show", "all")
    if view == "entries":
        return _entries(request)
    show = view if view in statement.SHOW else "all"
    try:
        found = feed(request.workspace, show=show, cursor=request.GET.get("cursor", ""))
    except statement.BadCursor as error:
        raise Http404("no such page of the ledger") from error
    return _render(request, show, {"entries": found.entries, "cursor": found.cursor})


def _entries(request: WorkspaceRequest) -> HttpResponse:
    text = request.GET.get("cursor", "")
    if text and not (text.isascii() and text.isdigit() and int(text) < MOST_SEQ):
        raise Http404("no such page of the ledger")
    found = list(transfers(request.workspace.pk, before_seq=int(text) if text else None, limit=ENTRIES + 1))
    more = len(found) > ENTRIES
    rows = [(transfer, kind_words(transfer.kind)[0], net_change(transfer)) for transfer in found[:ENTRIES]]
    return _render(request, "entries", {"rows": rows, "cursor": str(rows[-1][0].seq) if more else ""})


def _render(request: WorkspaceRequest, show: str, context: dict[str, object]) -> HttpResponse:
    shows = {name: named(title) for name, title in statement.SHOW.items()} | {"entries": "Every ledger entry"}
    context |= {
        "nav": "activity",
        "show": show,
        "shows": shows,
        "show_balance": True,
        "later": bool(request.GET.get("cursor")),
    }
    template = "overview/activity.html#list" if request.htmx.target == "ledger" else "overview/activity.html"
    return render(request, template, context)


@page
def hour(request: WorkspaceRequest, workspace_id: str, hour: str) -> HttpResponse:
    """What an hour of usage consists of: by model, and request by request."""
    try:
        since = datetime.strptime(hour, HOUR_FORMAT).replace(tzinfo=UTC)
        found = booked_events(
            request.workspace.pk,
            since=since,
            until=since + timedelta(hours=1),
            cursor=request.GET.get("cursor"),
            limit=EVENTS,
        )
    except (ValueError, OverflowError, BadCursor) as error:
        raise Http404("no such hour") from error
    until = since + timedelta(hours=1)
    context = {
        "nav": "activity",
        "since": since,
        "until": until,
        "spent": spent(request.workspace.pk, since, until),
        "total": HourTotal.objects.filter(workspace=request.workspace, hour=since).first(),
        "models": breakdown(request.workspace, by="model", since=since, until=until),
        "events": found.events,
        "cursor": found.next_cursor,
        "usd_per_credit": site().usd_per_credit,
    }
    return render(request, "overview/hour.html", context)


@page
def entry(request: WorkspaceRequest, workspace_id: str, seq: int) -> HttpResponse:
    """One ledger entry: accounts, lots, who and why, and its place in the chain."""
    found = entry_page(request.workspace, seq)
    if found is None:
        raise Http404("no such entry")
    context = {
        "nav": "activity",
        "entry": found,
        "transfer": found.transfer,
        "most_events": MOST_EVENTS,
        "usd_per_credit": site().usd_per_credit,
    }
    return render(request, "overview/entry.html", context)


@page
def event(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    """The receipt of one request."""
    if pk >= MOST_SEQ:
        raise Http404("no such request")
    found = get_object_or_404(
        UsageEvent.objects.select_related("project", "api_key", "reversal", "archive"),
        pk=pk,
        workspace_id=request.workspace.pk,
    )
    context = {
        "nav": "activity",
        "receipt": event_receipt(found),
        "hour": found.booked_at.astimezone(UTC).strftime(HOUR_FORMAT),
        "usd_per_credit": site().usd_per_credit,
    }
    return render(request, "overview/event.html", context)
