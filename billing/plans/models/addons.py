"""What can be added to a plan for credits every month, and who has it. Credits are nano-credits."""

import secrets
from datetime import datetime

from django.db import models
from django.db.models import F, Q

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.onoffer import on_offer


def new_addon_change_id() -> str:
    return "adc_" + secrets.token_hex(12)


class AddOn(models.Model):
    """On offer, in pieces: each costs so many credits a month and raises something."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    description = models.CharField(max_length=160, blank=True)
    monthly_credits = models.BigIntegerField()  # nano-credits a piece
    most = models.PositiveIntegerField(default=1)  # pieces that a workspace may have
    concurrency = models.PositiveIntegerField(default=0)  # requests at the same time that a piece adds
    # A text as the plan's features are; its slug is asked for. Of several pieces, their number is its limit.
    feature = models.CharField(max_length=120, blank=True)
    active = models.BooleanField(default=True)  # whether it can be added, or more of it
    starts_at = models.DateTimeField(null=True, blank=True)  # from when it can, and until when
    ends_at = models.DateTimeField(null=True, blank=True)
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        verbose_name = "add-on"
        ordering = ["position", "key"]
        constraints = [
            models.CheckConstraint(condition=Q(monthly_credits__gt=0, most__gt=0), name="add_on_positive"),
            models.CheckConstraint(condition=Q(concurrency__gt=0) | ~Q(feature=""), name="add_on_raises_something"),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="add_on_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def on_offer(self, now: datetime) -> bool:
        return self.active and on_offer(self.starts_at, self.ends_at, now)


class WorkspaceAddOn(models.Model):
    """An add-on of a workspace, with its own copy of what it costs and raises: an edit of the add-on changes nothing
    here. Paid until `paid_until`, which is the end of the plan's period that began at `period_starts_at`.
    """

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        SHORT = "short", "Not covered"  # the credits did not cover its period; it works until `suspends_at`
        SUSPENDED = "suspended", "Suspended"  # it raises nothing until credits arrive
        ENDED = "ended", "Ended"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="add_ons", db_index=False)
    addon = models.ForeignKey(AddOn, models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    monthly_credits = models.BigIntegerField()  # nano-credits a piece
    concurrency = models.PositiveIntegerField(default=0)
    feature = models.CharField(max_length=120, blank=True)

    quantity = models.PositiveIntegerField()
    # From `paid_until` on; 0: it ends then. Null: it stays.
    next_quantity = models.PositiveIntegerField(null=True, blank=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.ACTIVE)
    started_at = models.DateTimeField()  # its periods are counted from here while there is no plan
    period_starts_at = models.DateTimeField()
    paid_until = models.DateTimeField()
    short_since = models.DateTimeField(null=True, blank=True)
    suspends_at = models.DateTimeField(null=True, blank=True)  # it was, if that is over
    ended_at = models.DateTimeField(null=True, blank=True)
    look_at = models.DateTimeField(null=True, blank=True)  # when something has to be done, at the latest
    tried_seq = models.BigIntegerField(default=0)  # of the ledger, when the credits were last found not to be enough

    class Meta:
        verbose_name = "add-on of a workspace"
        verbose_name_plural = "add-ons of workspaces"
        ordering = ["workspace", "addon__position", "pk"]
        indexes = [
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="workspace_add_on_look"),
            models.Index(fields=["workspace", "-started_at"], name="workspace_add_on_list"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "addon"], condition=Q(ended_at=None), name="workspace_add_on_once"
            ),
            models.CheckConstraint(
                condition=Q(monthly_credits__gt=0, quantity__gt=0), name="workspace_add_on_positive"
            ),
            models.CheckConstraint(
                condition=Q(next_quantity=None) | Q(next_quantity__lt=F("quantity")),
                name="workspace_add_on_next_is_less",
            ),
            models.CheckConstraint(condition=Q(paid_until__gt=F("period_starts_at")), name="workspace_add_on_period"),
            models.CheckConstraint(
                condition=Q(status="ended", ended_at__isnull=False, look_at=None)
                | Q(status__in=["active", "short", "suspended"], ended_at=None, look_at__isnull=False),
                name="workspace_add_on_ended_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["short", "suspended"], short_since__isnull=False, suspends_at__isnull=False)
                | Q(status__in=["active", "ended"], short_since=None, suspends_at=None),
                name="workspace_add_on_short_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.workspace}"

    @property
    def monthly(self) -> int:
        """Nano-credits of all its pieces for a whole period."""
        return self.monthly_credits * self.quantity


class AddOnChange(models.Model):
    """What somebody did to an add-on of a workspace, once per key, and what it charged. Of `quantity` 0 it ends."""

    public_id = models.CharField(max_length=40, unique=True, default=new_addon_change_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+", db_index=False)
    held = models.ForeignKey(WorkspaceAddOn, models.PROTECT, related_name="changes")
    key = models.CharField(max_length=260)  # once per workspace: of the form, or of the API caller
    request_hash = models.BinaryField(max_length=32)
    before = models.PositiveIntegerField()  # pieces
    quantity = models.PositiveIntegerField()
    at = models.DateTimeField()  # from which what is charged counts
    effective_at = models.DateTimeField()
    until = models.DateTimeField()  # the end of the period
    charged = models.BigIntegerField(default=0)  # nano-credits
    actor = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    actor_label = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = "add-on change"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="add_on_change_list")]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key"], name="add_on_change_once"),
            models.CheckConstraint(
                condition=Q(charged__gte=0, effective_at__gte=F("at")), name="add_on_change_amounts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.held.name}: {self.before} to {self.quantity}"
