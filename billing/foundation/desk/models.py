"""What staff write down beside a customer: notes, and proposals that another person has to approve."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Workspace
from billing.credits import clock


class StaffNote(models.Model):
    """What staff should know of a workspace. Written once: an edit is a new note in place of this one, and one that is
    withdrawn stays, with who did it and why (a trigger keeps the rest as it was).
    """

    key = models.CharField(max_length=100, unique=True, editable=False)  # of the form it was written with
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    author_label = models.CharField("author", max_length=200)  # survives the person
    text = models.TextField(max_length=4000)
    replaces = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="replaced_by")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)
    withdrawn_by = models.CharField(max_length=200, blank=True, editable=False)
    withdrawn_why = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="staff_note_of_workspace")]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="staff_note_says_something"),
            models.CheckConstraint(condition=~Q(replaces=F("id")), name="staff_note_replaces_another"),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_by="", withdrawn_why="")
                | Q(withdrawn_at__isnull=False) & ~Q(withdrawn_by="") & ~Q(withdrawn_why=""),
                name="staff_note_withdrawn_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"note of {self.author_label}, {self.created_at:%Y-%m-%d %H:%M} UTC"


class SentForm(models.Model):
    """A form that did what it is for. Kept for good, as the audit log keeps what was done: a page may be sent again
    after any time, and after somebody else undid it.
    """

    key = models.CharField(max_length=100, unique=True)
    action = models.CharField(max_length=60)  # dotted: "workspace.suspend"
    target = models.CharField(max_length=200)  # what it was done to
    digest = models.CharField(max_length=64)  # of who sent it, and what it said: sha256, hex
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(key="") & ~Q(action="") & ~Q(digest=""), name="sent_form_says_what")
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"


class Proposal(models.Model):
    """Credits that one person wants to move and another one has to approve. What is proposed never changes, what was
    decided stays (a trigger), and who approves is never who proposed.
    """

    class Status(models.TextChoices):
        OPEN = "open", "Waits for another person"
        APPROVED = "approved", "Approved and posted"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn by who proposed it"

    key = models.CharField(max_length=100, unique=True)  # of the form it was sent with, and of what is posted
    action = models.CharField(max_length=40)  # a key of portal.admin.secondperson.ACTIONS
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    amount = models.BigIntegerField()  # nano-credits that would move
    summary = models.CharField(max_length=300)  # what would be done, in words
    values = models.JSONField()  # what the form said
    reason = models.CharField(max_length=500)
    # Without a constraint in the database: a person may be removed, the number stays and still says who it was not.
    proposer = models.ForeignKey(settings.AUTH_USER_MODEL, models.DO_NOTHING, related_name="+", db_constraint=False)
    proposer_label = models.CharField("proposed by", max_length=200)
    created_at = models.DateTimeField("proposed at", default=clock.now, editable=False)
    expires_at = models.DateTimeField("waits until")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    decider = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    decider_label = models.CharField("decided by", max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_why = models.CharField("decided why", max_length=500, blank=True)
    outcome = models.CharField(max_length=500, blank=True)  # what was posted, in words

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["-id"], condition=Q(status="open"), name="proposal_open"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="proposal_of_something"),
            models.CheckConstraint(condition=~Q(reason=""), name="proposal_has_a_reason"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="proposal_expires_later"),
            models.CheckConstraint(
                condition=Q(status="open", decider=None, decided_at=None)
                | Q(status__in=["approved", "refused", "withdrawn"], decider__isnull=False, decided_at__isnull=False),
                name="proposal_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["approved", "refused"]) | ~Q(decider=F("proposer")),
                name="proposal_decided_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved") | Q(decided_at__lt=F("expires_at")), name="proposal_approved_in_time"
            ),
        ]

    def __str__(self) -> str:
        return self.summary

    @property
    def state(self) -> str:
        """Its status, or "expired" when nobody decided in time."""
        if self.status == self.Status.OPEN and self.expires_at <= clock.now():
            return "expired"
        return str(self.status)
