"""E-mails, one row each: written in the transaction that causes them, sent after its commit."""

from django.db import models

from accounts.models import Workspace
from billing.credits import clock


class OutboxMessage(models.Model):
    class Status(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"  # claimed; if the sender dies here nobody knows, so a person decides
        SENT = "sent"
        FAILED = "failed"

    # One message per key, for ever: the way not to mail twice about the same thing.
    key = models.CharField(max_length=200, null=True, blank=True, unique=True)
    kind = models.CharField(max_length=60, default="account")
    workspace = models.ForeignKey(Workspace, models.SET_NULL, null=True, blank=True, related_name="+")
    sender = models.CharField(max_length=320)
    to = models.JSONField()
    reply_to = models.JSONField(default=list)
    subject = models.CharField(max_length=500)
    text = models.TextField()
    html = models.TextField(blank=True)
    unsubscribe = models.CharField(max_length=1000, default="", db_default="", blank=True)  # address, of optional ones
    attachments = models.JSONField(default=list, db_default=[], blank=True)  # files that go with it, without bytes
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=clock.now)
    claimed_at = models.DateTimeField(null=True, blank=True)  # when the last attempt began
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    emptied_at = models.DateTimeField(null=True, blank=True)  # when its text was deleted, long after it was sent

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="outbox_of_workspace"),
            models.Index(fields=["next_attempt_at"], condition=models.Q(status="queued"), name="outbox_due"),
            models.Index(
                fields=["sent_at"], condition=models.Q(status="sent", emptied_at=None), name="outbox_text_kept"
            ),
        ]

    def __str__(self) -> str:
        return self.subject
