"""Promoting an engine version across the catalogue, in steps that a person can look at and take back."""

from django.db import models
from django.db.models import F, Q

from billing.credits import clock
from billing.voices.models.engines import EngineChannel, EngineVersion
from billing.voices.models.voices import Conditioning, Voice

OPEN = ("building", "verifying", "ready")


class Rollout(models.Model):
    class State(models.TextChoices):
        BUILDING = "building", "Building"
        VERIFYING = "verifying", "Needs a look"  # something failed, or changed meanwhile
        READY = "ready", "Ready to switch"
        SWITCHED = "switched", "Switched"
        ROLLED_BACK = "rolled_back", "Rolled back"
        ABORTED = "aborted", "Aborted"

    channel = models.ForeignKey(EngineChannel, models.PROTECT, related_name="rollouts", db_index=False)
    version = models.ForeignKey(EngineVersion, models.PROTECT, related_name="rollouts")
    previous = models.ForeignKey(EngineVersion, models.PROTECT, null=True, related_name="+")  # active when it began
    state = models.CharField(max_length=11, choices=State.choices, default=State.BUILDING)
    started_by = models.CharField(max_length=200)
    started_at = models.DateTimeField(default=clock.now, editable=False)
    switched_by = models.CharField(max_length=200, blank=True)
    switched_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=200, blank=True)  # who aborted it or rolled it back
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["channel"], condition=Q(state__in=OPEN), name="rollout_one_open"),
            models.CheckConstraint(
                condition=Q(state__in=OPEN, switched_at=None, ended_at=None)
                | Q(state="switched", switched_at__isnull=False, ended_at=None) & ~Q(switched_by="")
                | Q(state="rolled_back", switched_at__isnull=False, ended_at__isnull=False) & ~Q(ended_by="")
                | Q(state="aborted", switched_at=None, ended_at__isnull=False) & ~Q(ended_by=""),
                name="rollout_state_says_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(previous=None) | ~Q(previous=F("version")), name="rollout_to_another_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}, {self.started_at:%Y-%m-%d %H:%M} UTC"

    @property
    def open(self) -> bool:
        return self.state in OPEN


class RolloutItem(models.Model):
    """A voice of the rollout, as it was when its conditioning was asked for."""

    class State(models.TextChoices):
        WAITING = "waiting", "Being built"
        VERIFIED = "verified", "Verified"
        FAILED = "failed", "Failed"

    rollout = models.ForeignKey(Rollout, models.CASCADE, related_name="items", db_index=False)
    voice = models.ForeignKey(Voice, models.PROTECT, related_name="+")
    tier = models.CharField(max_length=20)
    stack_hash = models.CharField(max_length=64)
    conditioning = models.ForeignKey(Conditioning, models.PROTECT, related_name="+")
    serving = models.ForeignKey(Conditioning, models.PROTECT, null=True, related_name="+")  # before the switch
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    message = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["rollout", "id"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "voice"], name="rollout_item_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "verified"]) | Q(state="failed") & ~Q(message=""),
                name="rollout_item_failed_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voice} in {self.rollout}"
