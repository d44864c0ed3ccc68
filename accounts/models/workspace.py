"""The customer (workspace), its people and its projects."""

import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.roles import Role


def new_workspace_id() -> str:
    return "ws_" + secrets.token_hex(10)


class Workspace(models.Model):
    public_id = models.CharField(max_length=40, unique=True, default=new_workspace_id, editable=False)
    # The operator's own id of this customer; `Purser-Workspace` accepts either.
    external_id = models.CharField(max_length=120, null=True, blank=True, unique=True)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="UTC")
    # A customer must not write its own bill: only where the operator allowed it do workspace keys get usage:write.
    usage_write_allowed = models.BooleanField(default=False)
    # Set by the operator, for all keys of the workspace together; each key's own limit counts besides.
    rate_limit = models.PositiveIntegerField("requests per minute, all its keys", null=True, blank=True)
    # Set by the operator's staff: new requests are refused and pages are for reading. What happened is still recorded.
    suspended_at = models.DateTimeField(null=True, blank=True, editable=False)
    # For staff: customers do not see it.
    suspended_reason = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members: Any = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="workspaces")

    class Meta:
        permissions = [
            ("suspend_workspace", "Can suspend and resume workspaces"),
            ("view_as_customer", "Can look at a customer's pages"),
        ]
        indexes = [
            models.Index(
                fields=["suspended_at"], condition=models.Q(suspended_at__isnull=False), name="workspace_suspended"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=~models.Q(external_id=""), name="workspace_external_id_not_empty"),
            models.CheckConstraint(condition=models.Q(rate_limit__gt=0), name="workspace_rate_limit_positive"),
            models.CheckConstraint(
                condition=models.Q(suspended_at=None, suspended_reason="")
                | models.Q(suspended_at__isnull=False) & ~models.Q(suspended_reason=""),
                name="workspace_suspended_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/w/{self.public_id}/"


class Membership(models.Model):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_once_per_workspace"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace} ({self.role})"


class Invitation(models.Model):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)  # sha256 of the link's token
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(default=timezone.now, editable=False)
    recent_sends = models.PositiveIntegerField(default=1, editable=False)  # with less than a day between each two
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_one_open_per_address",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.workspace}"

    @property
    def expired(self) -> bool:
        return self.expires_at <= timezone.now()


class Project(models.Model):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="projects")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="project_slug_unique_in_workspace"),
        ]

    def __str__(self) -> str:
        return self.name
