"""The team page and what is done from it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import WorkspaceRequest, workspace_page
from accounts.errors import Refused
from accounts.forms import InviteForm
from accounts.models import Membership
from accounts.roles import Permission, Role
from accounts.selectors.workspaces import members_of, open_invitations
from accounts.services.invitations import invitation_create, invitation_resend, invitation_revoke
from accounts.services.members import member_remove, member_role_change, roles_to_give


@require_GET
@workspace_page(Permission.VIEW)
def team(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    return _team_page(request, InviteForm(roles=_givable(request)))


@require_POST
@workspace_page(Permission.MANAGE_TEAM)
def invite(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    form = InviteForm(request.POST, roles=_givable(request))
    if form.is_valid():
        try:
            invitation = invitation_create(
                workspace=request.workspace, by=request.user, request=request, **form.cleaned_data
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"Invitation sent to {invitation.email}.")
            return redirect("accounts:team", workspace_id)
    return _team_page(request, form, status=422)


@require_POST
@workspace_page(Permission.MANAGE_TEAM)
def resend(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    invitation = get_object_or_404(request.workspace.invitations, pk=pk)
    try:
        invitation_resend(invitation=invitation, by=request.user, request=request)
        messages.success(request, f"Invitation sent again to {invitation.email}. The earlier link no longer works.")
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("accounts:team", workspace_id)


@require_POST
@workspace_page(Permission.MANAGE_TEAM, while_suspended=True)
def revoke(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    invitation = get_object_or_404(request.workspace.invitations, pk=pk)
    try:
        invitation_revoke(invitation=invitation, by=request.user, request=request)
        messages.success(request, f"The invitation of {invitation.email} was withdrawn.")
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("accounts:team", workspace_id)


@require_POST
@workspace_page(Permission.MANAGE_TEAM)
def role(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    membership = get_object_or_404(members_of(request.workspace), pk=pk)
    wanted = request.POST.get("role", "")
    if wanted not in Role.values:
        return _team_page(request, InviteForm(roles=_givable(request)), status=422)
    try:
        member_role_change(membership=membership, role=wanted, by=request.user, request=request)
        messages.success(request, f"{membership.user} is now {Role(wanted).label.lower()}.")
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("accounts:team", workspace_id)


@require_http_methods(["GET", "POST"])
@workspace_page(Permission.MANAGE_TEAM, while_suspended=True)
def remove(request: WorkspaceRequest, workspace_id: str, pk: int) -> HttpResponse:
    membership = get_object_or_404(members_of(request.workspace), pk=pk)
    if membership.user_id == request.user.pk:
        return redirect("accounts:leave", workspace_id)
    if request.method == "POST":
        return _remove(request, membership, f"{membership.user} no longer has access.")
    return render(request, "accounts/member_remove.html", {"member": membership, "nav": "team"})


@require_http_methods(["GET", "POST"])
@workspace_page(Permission.VIEW, while_suspended=True)
def leave(request: WorkspaceRequest, workspace_id: str) -> HttpResponse:
    if request.method == "POST":
        return _remove(request, request.membership, f"You left {request.workspace}.")
    return render(request, "accounts/leave.html", {"nav": "team"})


def _remove(request: WorkspaceRequest, membership: Membership, done: str) -> HttpResponse:
    try:
        member_remove(membership=membership, by=request.user, request=request)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("accounts:team", request.workspace.public_id)
    messages.success(request, done)
    if membership.user_id == request.user.pk:
        return redirect("accounts:workspaces")
    return redirect("accounts:team", request.workspace.public_id)


def _givable(request: WorkspaceRequest) -> list[Role]:
    return roles_to_give(Role(request.membership.role))


def _team_page(request: WorkspaceRequest, form: InviteForm, status: int = 200) -> HttpResponse:
    givable = _givable(request)
    members = list(members_of(request.workspace))
    for member in members:
        # What the page offers; the services decide.
        member.changeable = bool(givable) and (member.role != Role.OWNER or Role.OWNER in givable)  # type: ignore[attr-defined]
    context = {
        "nav": "team",
        "form": form,
        "members": members,
        "roles": givable,
        "invitations": open_invitations(request.workspace),
    }
    return render(request, "accounts/team.html", context, status=status)
