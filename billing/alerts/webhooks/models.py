"""Who is to hear of what, what there was to hear, and what became of each delivery."""

import secrets

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models import User, Workspace
from billing.credits import clock


def new_endpoint_id() -> str:
    return "we_" + secrets.token_hex(12)


def new_event_id() -> str:
    return "msg_" + secrets.token_hex(16)


class WebhookEndpoint(models.Model):
    """An address that is told of events of a workspace; without a workspace it is the operator's, and hears of all."""

    class Off(models.TextChoices):
        PERSON = "person", "Switched off"
        FAILING = "failing", "Switched off after days of failures"
        GONE = "gone", "Switched off by its receiver (410)"

    public_id = models.CharField(max_length=40, unique=True, default=new_endpoint_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, null=True, blank=True, related_name="+")
    url = models.CharField(max_length=1000)
    description = models.CharField(max_length=120, blank=True)
    event_types = ArrayField(models.CharField(max_length=40))
    secret = models.TextField(editable=False)  # encrypted (accounts.cipher), as is the one before
    former_secret = models.TextField(blank=True, editable=False)
    former_until = models.DateTimeField(null=True, blank=True)  # both sign until then
    off = models.CharField(max_length=7, choices=Off.choices, blank=True)  # why it is switched off; empty: it is on
    off_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)  # attempts in a row
    failing_since = models.DateTimeField(null=True, blank=True)
    # Who attempts something has the endpoint to themselves until then; a sender that dies loses it.
    busy_until = models.DateTimeField(null=True, blank=True, editable=False)
    quiet_until = models.DateTimeField(null=True, blank=True)  # after failures nothing is attempted before
    attempted_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(off="", off_at=None) | Q(off__in=["person", "failing", "gone"], off_at__isnull=False),
                name="webhook_endpoint_on_or_off",
            ),
            models.CheckConstraint(condition=Q(event_types__len__gt=0), name="webhook_endpoint_hears_of_something"),
            models.CheckConstraint(
                condition=Q(former_secret="", former_until=None)
                | (~Q(former_secret="") & Q(former_until__isnull=False)),
                name="webhook_endpoint_former_secret_ends",
            ),
            models.CheckConstraint(
                condition=Q(failures=0, failing_since=None) | Q(failures__gt=0, failing_since__isnull=False),
                name="webhook_endpoint_failing_since",
            ),
            models.CheckConstraint(condition=Q(url__regex=r"^https?://[^\s]+$"), name="webhook_endpoint_url"),
        ]

    def __str__(self) -> str:
        return self.description or self.url


class WebhookEvent(models.Model):
    """Something that happened, once by its key. `payload` is the body that is sent, byte for byte, at every attempt."""

    public_id = models.CharField(max_length=40, unique=True, default=new_event_id, editable=False)  # webhook-id
    workspace = models.ForeignKey(Workspace, models.PROTECT, null=True, related_name="+", db_index=False)
    type = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    payload = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["created_at"], name="webhook_event_age")]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="webhook_event_once", nulls_distinct=False),
            # Only a test of an operator's endpoint is about no workspace.
            models.CheckConstraint(
                condition=Q(workspace__isnull=False) | Q(type="webhook.test"), name="webhook_event_of_a_workspace"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"


class WebhookDelivery(models.Model):
    """An event on its way to an endpoint."""

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    event = models.ForeignKey(WebhookEvent, models.CASCADE, related_name="deliveries", db_index=False)
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries", db_index=False)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)  # attempts since it was last sent on its way
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    give_up_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="webhook_delivery_log"),
            models.Index(
                fields=["endpoint", "next_attempt_at"], condition=Q(status="pending"), name="webhook_delivery_due"
            ),
            models.Index(fields=["give_up_at"], condition=Q(status="pending"), name="webhook_delivery_over"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="webhook_delivery_once"),
            models.CheckConstraint(
                condition=Q(status="pending", next_attempt_at__isnull=False, delivered_at=None)
                | Q(status="delivered", next_attempt_at=None, delivered_at__isnull=False)
                | Q(status="failed", next_attempt_at=None, delivered_at=None),
                name="webhook_delivery_status",
            ),
            models.CheckConstraint(condition=Q(tries__lte=F("attempts")), name="webhook_delivery_tries_of_attempts"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint}"


class WebhookAttempt(models.Model):
    """One request. Without an end nobody knows its answer: it is made, or its sender died."""

    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, related_name="made", db_index=False)
    number = models.PositiveIntegerField()
    began_at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField(null=True)
    status_code = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=500, blank=True)
    response = models.TextField(blank=True)  # the beginning of the answer's body

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="webhook_attempt_number"),
            models.CheckConstraint(
                condition=Q(milliseconds__isnull=False) | Q(status_code=None, error="", response=""),
                name="webhook_attempt_answer_at_its_end",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}"


class WebhookBalance(models.Model):
    """The state of a balance of which the receivers of its workspace were told last. No row: it was healthy."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="+")
    state = models.CharField(max_length=7)
    changes = models.PositiveIntegerField(default=0)  # how often one was told: the keys of events

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["healthy", "low", "stopped"]), name="webhook_balance_state")
        ]

    def __str__(self) -> str:
        return self.state


class WebhookWatch(models.Model):
    """One row: lots up to this id were all looked at."""

    lot_id = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="webhook_watch_one_row")]

    def __str__(self) -> str:
        return f"looked at lots up to {self.lot_id}"
