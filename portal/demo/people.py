"""The people and workspaces of the demo."""

from datetime import datetime

from accounts.models import ApiKey, Membership, Project, User, Workspace
from accounts.roles import Role
from accounts.scopes import WORKSPACE_SCOPES, KeyKind
from accounts.services.invitations import invitation_create
from accounts.services.keys import api_key_create
from accounts.services.people import person_create
from billing.plans.services import workspace_open
from portal.demo.access import EMAIL

# Workspaces have this before their external id until the whole demo is there.
UNFINISHED = "unfinished-"
COLLEAGUES = (
    ("maya@example.com", "Maya Lindqvist", Role.ADMIN),
    ("tom@example.com", "Tom Okafor", Role.BILLING),
    ("ines@example.com", "Ines Duarte", Role.VIEWER),
)


def demo_user(password: str) -> User:
    """One login for everything: owner of the demo workspaces, and staff, so that it sees the admin and the outbox."""
    user = User.objects.filter(email=EMAIL).first()
    if user is None:
        user = person_create(email=EMAIL, password=password, name="Demo", verified=True, staff=True)
        user.is_superuser = True
        user.save(update_fields=["is_superuser"])
    return user


def demo_workspace(*, owner: User, name: str, external_id: str, since: datetime, plan_key: str) -> Workspace:
    """A workspace that looks as if it had been made at `since` (which the clock says already)."""
    workspace = workspace_open(name=name, owner=owner, external_id=UNFINISHED + external_id, plan_key=plan_key)
    workspace.usage_write_allowed = True
    workspace.created_at = since
    workspace.save(update_fields=["usage_write_allowed", "created_at"])
    Membership.objects.filter(workspace=workspace).update(created_at=since)
    return workspace


def unfinished() -> list[Workspace]:
    return list(Workspace.objects.filter(external_id__startswith=UNFINISHED))


def add_colleagues(workspace: Workspace, since: datetime) -> None:
    for email, name, role in COLLEAGUES:
        user = User.objects.filter(email=email).first() or person_create(email=email, name=name, verified=True)
        Membership.objects.create(workspace=workspace, user=user, role=role, created_at=since)


def invite_somebody(workspace: Workspace, owner: User) -> None:
    """So that the team page has an open invitation, and the outbox a message."""
    invitation_create(workspace=workspace, email="sam@example.com", role=Role.MEMBER, by=owner)


def demo_project(workspace: Workspace, name: str, since: datetime) -> Project:
    return Project.objects.create(workspace=workspace, slug=name.lower(), name=name, created_at=since)


def demo_key(workspace: Workspace, name: str, project: Project | None, since: datetime) -> tuple[ApiKey, str]:
    key, plain = api_key_create(
        kind=KeyKind.WORKSPACE, workspace=workspace, project=project, name=name, scopes=WORKSPACE_SCOPES
    )
    key.created_at = since
    key.save(update_fields=["created_at"])
    return key, plain
