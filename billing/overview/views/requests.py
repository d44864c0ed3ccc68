"""The single requests behind the numbers of the usage page."""

from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.access import WorkspaceRequest
from billing.metering.selectors.events import BadCursor, booked_events
from billing.overview.page import page
from billing.overview.spending import bounds
from billing.overview.views.usage import asked_of, chips_of, listed

ROWS = 50


@page
def requests(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Newest first, with the dates and filters of the usage page that led here."""
    asked = asked_of(request)
    since, until = bounds(request.workspace, asked.span)
    where = {name: value for name, value in asked.where.items() if listed(name, value)}
    try:
        found = booked_events(
            request.workspace.pk,
            since=since,
            until=until,
            where=where,
            cursor=request.GET.get("cursor"),
            limit=ROWS,
        )
    except BadCursor as error:
        raise Http404("no such page of requests") from error
    context = {
        "nav": "usage",
        "span": asked.span,
        "events": found.events,
        "dated": True,
        "cursor": found.next_cursor,
        "later": bool(request.GET.get("cursor")),
        "chips": chips_of(asked),
        "query": asked.link(),
        "unlisted": len(where) < len(asked.where),
    }
    return render(request, "overview/requests.html", context)
