"""What runs for a workspace, what a day of it costs, and how long the balance lasts."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.roles import Permission
from billing.foundation import hostclock
from billing.metering.selectors.days import zone
from billing.plans.resources.selectors import resource_page, rows, standing

SHOWN = 50


@require_safe
@workspace_page(Permission.VIEW)
def listed(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    """Those that were not deleted, or with `show=deleted` those that were; latest first."""
    show = "deleted" if request.GET.get("show") == "deleted" else ""
    workspace, now, before = request.workspace, hostclock.present(), _before(request.GET.get("before", ""))
    found = resource_page(workspace.pk, state="deleted" if show else None, before=before, limit=SHOWN + 1)
    with timezone.override(zone(workspace.time_zone)):
        context = {
            "nav": "plan",
            "show": show,
            "standing": standing(workspace.pk, now),
            "rows": rows(workspace.pk, found[:SHOWN], now),
            "before": found[SHOWN - 1].pk if len(found) > SHOWN else None,
            "later": before is not None,
        }
        return render(request, "plans/resources.html", context)


def _before(text: str) -> int | None:
    """The row after which the page goes on. Raises Http404 for what is none."""
    if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Http404("no such page of resources")
    return int(text) if text else None
