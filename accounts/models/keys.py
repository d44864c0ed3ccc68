"""API keys. Only a digest is kept; the key itself is shown once."""

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models.workspace import Project, Workspace
from accounts.scopes import SERVICE_ONLY, KeyKind

EXPIRING_WITHIN = timedelta(days=7)


class ApiKey(models.Model):
    kind = models.CharField(max_length=9, choices=KeyKind.choices)
    # Service keys belong to the operator and name the workspace per request.
    workspace = models.ForeignKey(Workspace, models.CASCADE, null=True, blank=True, related_name="api_keys")
    project = models.ForeignKey(Project, models.PROTECT, null=True, blank=True, related_name="api_keys")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, unique=True, editable=False)  # shown in lists: "pws_4f9a12cd"
    digest = models.CharField(max_length=64, unique=True, editable=False)  # sha256 of the whole key, hex
    scopes = ArrayField(models.CharField(max_length=20), default=list)
    rate_limit = models.PositiveIntegerField("requests per minute", null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)  # written at most once a minute
    # The key that took this one's place when it was rotated; this one works until its expiry all the same.
    replaced_by = models.OneToOneField(
        "self", models.SET_NULL, null=True, blank=True, related_name="replaces", editable=False
    )
    expiry_told_at = models.DateTimeField(null=True, blank=True, editable=False)  # owners and admins got their mail

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind=KeyKind.WORKSPACE, workspace__isnull=False)
                | models.Q(kind=KeyKind.SERVICE, workspace__isnull=True, project__isnull=True),
                name="api_key_workspace_fits_kind",
            ),
            models.CheckConstraint(condition=models.Q(rate_limit__gt=0), name="api_key_rate_limit_positive"),
            models.CheckConstraint(
                condition=models.Q(kind=KeyKind.SERVICE)
                | ~models.Q(scopes__overlap=[scope.value for scope in sorted(SERVICE_ONLY)]),
                name="api_key_scopes_fit_kind",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(expires_at__isnull=False, revoked_at=None, expiry_told_at=None),
                name="api_key_expiry_not_told",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def ended(self) -> bool:
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= timezone.now())

    @property
    def state(self) -> str:
        """ "works", "expiring" (within a week), "replaced" (works until its expiry), "expired" or "revoked"."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is None:
            return "works"
        left = self.expires_at - timezone.now()
        if left <= timedelta(0):
            return "expired"
        if self.replaced_by_id is not None:
            return "replaced"
        return "expiring" if left <= EXPIRING_WITHIN else "works"
