"""What customers were told, so that nobody is told twice and nothing is left out."""

from django.db import models

from accounts.models import Workspace
from billing.alerts.notices.models import Notice, NoticeRead
from billing.alerts.usage.models import AlertsAnswer, AlertSettings, UsageAlert, UsageWatch
from billing.alerts.webhooks.models import (
    WebhookAttempt,
    WebhookBalance,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookWatch,
)

__all__ = [
    "AlertSettings",
    "AlertsAnswer",
    "Notice",
    "NoticeRead",
    "PriceNotice",
    "PriceWatch",
    "UsageAlert",
    "UsageWatch",
    "WebhookAttempt",
    "WebhookBalance",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookWatch",
]


class PriceWatch(models.Model):
    """One row: changes that take effect after `began_at` are news; all up to `looked_at` were looked at."""

    began_at = models.DateTimeField()
    looked_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="price_watch_one_row")]

    def __str__(self) -> str:
        return f"looked at {self.looked_at}"


class PriceNotice(models.Model):
    """A workspace was told that a model gets dearer, or has become cheaper, at an instant."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    provider = models.CharField(max_length=80)
    model = models.CharField(max_length=200)
    effective_at = models.DateTimeField()
    rise = models.BooleanField()
    told_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "provider", "model", "effective_at", "rise"], name="price_notice_once"
            ),
            # Who is told of a drop can have it already.
            models.CheckConstraint(
                condition=models.Q(rise=True) | models.Q(told_at__gte=models.F("effective_at")),
                name="price_notice_of_drop_at_effect",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} at {self.effective_at}"
