"""Who changed money, access or configuration, and why. Append-only (see the triggers in migrations)."""

from django.conf import settings
from django.db import models

from accounts.models import Workspace
from billing.credits import clock


class AuditEntry(models.Model):
    at = models.DateTimeField(default=clock.now, editable=False, db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    actor_label = models.CharField(max_length=200)  # survives the person: e-mail, "service key psk_…", "system"
    workspace = models.ForeignKey(
        Workspace, models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    action = models.CharField(max_length=60)  # dotted: "api_key.revoked"
    target = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True, db_default="", default="")  # as the browser names itself
    request_id = models.CharField(max_length=64, blank=True, db_default="", default="")  # X-Request-Id of the proxy

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["action", "-id"], name="audit_by_action"),
            models.Index(fields=["workspace", "-id"], name="audit_of_workspace"),
        ]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.actor_label}: {self.action} {self.target}"
