"""Who a workspace is at Stripe."""

from django.db import models
from django.utils import timezone

from accounts.models import Workspace


class StripeCustomer(models.Model):
    """Test mode and live mode know different customers; an installation may pass from one to the other."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    livemode = models.BooleanField()
    stripe_id = models.CharField(max_length=255, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "livemode"], name="stripe_customer_once_per_workspace"),
            models.CheckConstraint(condition=~models.Q(stripe_id=""), name="stripe_customer_id_not_empty"),
        ]

    def __str__(self) -> str:
        return self.stripe_id
