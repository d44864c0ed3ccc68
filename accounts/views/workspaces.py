"""Landing, the list of workspaces, making one, its settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import once
from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.forms import WorkspaceForm
from accounts.models import Invitation, User, Workspace
from accounts.roles import Permission
from accounts.selectors.workspaces import invitations_for, last_workspace, memberships_of
from accounts.services.invitations import invitation_accept
from accounts.services.workspaces import workspace_create, workspace_update
from accounts.views.people import signed_in


@require_GET
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Where a person lands: the invitation they came for, else the workspace seen last, else making one."""
    user = signed_in(request)
    if (chosen := request.session.pop("invitation", None)) is not None:
        try:
            membership = invitation_accept(
                invitation=Invitation.objects.select_related("workspace").get(pk=chosen), user=user, request=request
            )
            messages.success(request, f"You joined {membership.workspace}.")
            return redirect(membership.workspace)
        except (Refused, Invitation.DoesNotExist) as refused:
            messages.warning(request, str(refused))
    if (workspace := last_workspace(user)) is not None:
        return redirect(workspace)
    return redirect("accounts:workspaces" if invitations_for(user).exists() else "accounts:workspace-create")


@require_GET
@login_required
def workspaces(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    context = {"members": memberships_of(user), "invitations": invitations_for(user)}
    return render(request, "accounts/workspaces.html", context)


@require_POST
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """For a switcher that is a form; links to /w/<id>/ do the same."""
    wanted = request.POST.get("workspace", "")
    workspace = get_object_or_404(Workspace, public_id=wanted, memberships__user=signed_in(request))
    return redirect(workspace)


@require_http_methods(["GET", "POST"])
@login_required
def create(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = WorkspaceForm(request.POST or None, initial={"name": suggested_name(user)})
    if request.method == "POST" and form.is_valid():
        if once.is_repeat(request):
            return redirect("accounts:home")
        try:
            workspace = workspace_create(owner=user, request=request, **form.cleaned_data)
        except Refused as refused:
            once.forget(request)
            form.refuse(refused)
        else:
            return redirect(workspace)
    context = {"form": form, "once": once.new_nonce(), "first": not memberships_of(user).exists()}
    return render(request, "accounts/workspace_create.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@workspace_page(Permission.MANAGE_WORKSPACE)
def settings(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    workspace = request.workspace
    form = WorkspaceForm(request.POST or None, initial={"name": workspace.name, "time_zone": workspace.time_zone})
    if request.method == "POST" and form.is_valid():
        try:
            workspace_update(workspace=workspace, by=request.user, request=request, **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "Saved.")
            return redirect("accounts:workspace", workspace_id)
    context = {"form": form, "nav": "settings"}
    return render(request, "accounts/workspace.html", context, status=422 if form.errors else 200)


def suggested_name(user: User) -> str:
    """“Mira’s workspace”, from the person's first name or the address."""
    first = (user.name.split() or [user.email.partition("@")[0].partition("+")[0].capitalize()])[0]
    return f"{first[:60]}’s workspace"
