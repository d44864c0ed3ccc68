"""The first page."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.access import WorkspaceRequest, workspace_page
from accounts.roles import Permission
from accounts.selectors.workspaces import last_workspace


@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """To the workspace that the person saw last, or to making the first one."""
    assert request.user.is_authenticated
    workspace = last_workspace(request.user)
    if workspace is None:
        return redirect("accounts:workspace-create")
    return redirect("overview:home", workspace.public_id)


@require_safe
@workspace_page(Permission.VIEW)
def home(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    return render(request, "overview/home.html", {"nav": "overview"})
