"""What was done once: customers the operator made, and welcome credits."""

from django.db import models
from django.db.models import Q

from accounts.models import User, Workspace


class Provision(models.Model):
    """A workspace that the operator's backend made, and what it was told: the same request again is told the same."""

    workspace = models.OneToOneField(Workspace, models.PROTECT, primary_key=True, related_name="+")
    key = models.CharField(max_length=200, blank=True)  # the caller's Idempotency-Key, if any
    request_hash = models.BinaryField(max_length=32)  # same id or key, other content = conflict
    result = models.JSONField()  # without the API key, which is shown once
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=~Q(key=""), name="provision_once_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.workspace}"


class SignupGrant(models.Model):
    """One per verified person, whatever they sign up for later."""

    user = models.OneToOneField(User, models.PROTECT, related_name="+")
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user}"
