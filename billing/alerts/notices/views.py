"""The notices of a workspace, as far as the person who looks may see them."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.roles import Permission
from billing.alerts.notices.selectors import notice_page
from billing.alerts.notices.services import KEPT, notice_read, notices_read
from billing.metering.selectors.days import zone

may_look = workspace_page(Permission.VIEW)
MOST = 2**63 - 1


@never_cache
@require_safe
@may_look
def notices(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    before = _number(request.GET.get("before", ""))
    page = notice_page(request.membership, before=before)
    context = {"nav": "notices", "notices": page, "first": before is None, "kept": KEPT.days}
    with timezone.override(zone(request.workspace.time_zone)):
        return render(request, "notices/list.html", context)


@never_cache
@require_safe
@may_look
def notice(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    """To the page where something can be done about it; whoever goes there has read it."""
    found = notice_read(member=request.membership, pk=pk) if pk <= MOST else None
    if found is None:
        raise Http404("no such notice for this person")
    return HttpResponseRedirect(found.path or reverse("notices:list", args=[workspace_id]))


@require_POST
@workspace_page(Permission.VIEW, while_suspended=True)
def read(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    up_to = _number(request.POST.get("up_to", ""))
    if up_to is not None and notices_read(member=request.membership, up_to=up_to):
        messages.success(request, "All are marked as read.")
    return redirect("notices:list", workspace_id)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
