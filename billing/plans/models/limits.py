"""What staff agreed on with one customer in place of what its plan says."""

from django.db import models
from django.db.models import Q

from accounts.models import Workspace


class WorkspaceLimits(models.Model):
    """Limits of its own, whatever plan it is on; empty: those of the plan. Overdraft in nano-credits."""

    workspace = models.OneToOneField(Workspace, models.PROTECT, primary_key=True, related_name="+")
    overdraft = models.BigIntegerField(null=True)  # how far authorisations may go below zero
    concurrency = models.PositiveIntegerField(null=True)  # requests at the same time, before add-ons
    request_limits = models.JSONField(default=dict)  # meter → most per request, decimals as text; others: the plan's

    class Meta:
        verbose_name_plural = "workspace limits"
        constraints = [
            models.CheckConstraint(
                condition=Q(overdraft=None) | Q(overdraft__gte=0), name="own_overdraft_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(concurrency=None) | Q(concurrency__gt=0), name="own_concurrency_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"limits of {self.workspace_id}"
