"""Reading workspaces, their people and the invitations that are still open."""

from allauth.account.models import EmailAddress
from django.db.models import F, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import Invitation, Membership, Project, User, Workspace


def memberships_of(user: User) -> QuerySet[Membership]:
    """Where a person is a member, the workspace seen last first."""
    return (
        Membership.objects.filter(user=user)
        .select_related("workspace")
        .order_by(F("last_seen_at").desc(nulls_last=True), "workspace__name", "pk")
    )


def last_workspace(user: User) -> Workspace | None:
    membership = memberships_of(user).first()
    return membership.workspace if membership else None


def members_of(workspace: Workspace) -> QuerySet[Membership]:
    return Membership.objects.filter(workspace=workspace).select_related("user").order_by("created_at", "pk")


def open_invitations(workspace: Workspace) -> QuerySet[Invitation]:
    """Sent and neither accepted nor revoked; includes those that ran out, which can be sent again."""
    return (
        Invitation.objects.filter(workspace=workspace, accepted_at=None, revoked_at=None)
        .select_related("invited_by")
        .order_by("-created_at")
    )


def invitations_for(user: User) -> QuerySet[Invitation]:
    """Invitations that this person can accept now, by any address proven to be theirs."""
    addresses = EmailAddress.objects.filter(user=user, verified=True).values_list(Lower("email"), flat=True)
    return (
        Invitation.objects.annotate(address=Lower("email"))
        .filter(address__in=addresses, accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
        .exclude(workspace__memberships__user=user)
        .select_related("workspace", "invited_by")
        .order_by("-created_at")
    )


def projects_of(workspace: Workspace) -> QuerySet[Project]:
    """Working projects first, then archived ones."""
    return Project.objects.filter(workspace=workspace).order_by(F("archived_at").asc(nulls_first=True), "name")
