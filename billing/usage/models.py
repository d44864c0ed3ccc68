"""What was expected of a request when credits were held for it."""

from django.db import models

from accounts.models import ApiKey, Workspace
from billing.ledger.models import Hold


class Authorization(models.Model):
    """The request that a hold was placed for. What it then cost is its usage event.

    Written with the hold, in its row (`Hold.request`), and like its other terms never again. This is the view of these
    rows, to read; `billing.usage.store.written` says what is in them.
    """

    hold = models.OneToOneField(Hold, models.PROTECT, primary_key=True, related_name="authorization")
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.PROTECT, null=True, related_name="+")
    provider = models.CharField(max_length=80, blank=True)
    model = models.CharField(max_length=200, blank=True)  # without the provider; empty: the platform's own meters
    variant = models.JSONField(default=dict)
    project = models.CharField(max_length=120, blank=True)  # as the caller named it
    agent = models.CharField(max_length=120, blank=True)
    app = models.CharField(max_length=120, blank=True)
    task = models.CharField(max_length=120, blank=True)
    basis = models.CharField(max_length=12)  # given, history, default, worst_case, max_credits
    note = models.CharField(max_length=600, blank=True)
    usage = models.JSONField(default=dict)  # expected: meter -> quantity as decimal string
    expected = models.BigIntegerField()  # nano-credits it would cost, rounded up; the hold's amount but for max_credits
    created_at = models.DateTimeField()

    class Meta:
        managed = False

    def __str__(self) -> str:
        return str(self.hold_id)

    @property
    def model_ref(self) -> str:
        """The model as usage names it."""
        return f"{self.provider}/{self.model}" if self.model else ""
