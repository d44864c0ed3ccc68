"""One-time links by which the operator's backend hands a person over to the portal."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models.keys import ApiKey
from accounts.models.workspace import Workspace


class PortalLink(models.Model):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    made_by = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    handle = models.CharField(max_length=16, unique=True, editable=False)  # the part of the link that finds the row
    digest = models.CharField(max_length=64, editable=False)  # sha256 of the whole token, hex
    path = models.CharField(max_length=500)  # the page that it opens, one of the workspace's
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="portal_link_expires_later"),
            models.CheckConstraint(condition=Q(path__startswith="/w/"), name="portal_link_opens_a_workspace"),
        ]

    def __str__(self) -> str:
        return f"{self.user} to {self.workspace}"
