"""Work on voices that takes seconds or days: done by a worker of its own, in a child process."""

import secrets

from django.db import models
from django.db.models import F, Q

from billing.credits import clock
from billing.ledger.models import Hold, Operation
from billing.voices.models.engines import EngineVersion
from billing.voices.models.voices import Conditioning, Voice

OPEN = ("queued", "running", "cancelling")


# What is being done, and clones that were interrupted: they keep their hold and go on by themselves.
GOING_ON = Q(state__in=OPEN) | Q(state="interrupted", price_snapshot__isnull=False)


def new_job_id() -> str:
    return "vjob_" + secrets.token_hex(12)


class VoiceJob(models.Model):
    class Kind(models.TextChoices):
        INSPECT = "inspect", "Inspect clips"
        REBUILD = "rebuild", "Rebuild voices"
        TRAIN = "train", "Train"
        EXPORT = "export", "Export a version"

    class State(models.TextChoices):
        QUEUED = "queued", "Waits for a worker"
        RUNNING = "running", "Runs"
        CANCELLING = "cancelling", "Is being cancelled"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        REFUSED = "refused", "Refused"
        CANCELLED = "cancelled", "Cancelled"
        INTERRUPTED = "interrupted", "Interrupted"

    public_id = models.CharField(max_length=40, unique=True, default=new_job_id, editable=False)
    kind = models.CharField(max_length=7, choices=Kind.choices)
    voice = models.ForeignKey(Voice, models.PROTECT, null=True, blank=True, related_name="jobs", db_index=False)
    engine_version = models.ForeignKey(EngineVersion, models.PROTECT, null=True, blank=True, related_name="jobs")
    rollout = models.ForeignKey("voices.Rollout", models.PROTECT, null=True, blank=True, related_name="jobs")
    spec = models.JSONField(default=dict)  # what it is to do, without what the worker adds (paths of this machine)
    state = models.CharField(max_length=11, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)  # one more each time a worker takes it
    stage = models.CharField(max_length=40, blank=True)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)  # 0: not known
    metrics = models.JSONField(default=dict)
    last_seq = models.PositiveIntegerField(default=0)  # of the attempt's lines
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    resume_dir = models.CharField(max_length=200, blank=True)  # below VOICE_ROOT: where the next attempt goes on
    cancel_asked_by = models.CharField(max_length=200, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=500, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    log_path = models.CharField(max_length=200, blank=True)  # below VOICE_ROOT
    work_removed_at = models.DateTimeField(null=True, blank=True)  # its working folder is gone: it cannot go on
    requested_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    # What a customer's clone costs, fixed when it was asked for; platform voices cost nothing. Attempts share it.
    price_snapshot = models.JSONField(null=True, blank=True)
    hold = models.OneToOneField(Hold, models.PROTECT, null=True, blank=True, related_name="+")
    charge = models.OneToOneField(Operation, models.PROTECT, null=True, blank=True, related_name="+")  # what it took

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["inspect", "rebuild", "train", "export"]),
                name="voice_job_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(state="queued", finished_at=None)
                | Q(state="running", finished_at=None, heartbeat_at__isnull=False, attempt__gte=1)
                | Q(
                    state="cancelling",
                    finished_at=None,
                    heartbeat_at__isnull=False,
                    cancel_asked_at__isnull=False,
                    attempt__gte=1,
                )
                | Q(state__in=["done", "failed", "refused", "cancelled", "interrupted"], finished_at__isnull=False),
                name="voice_job_state_says_when",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["failed", "refused", "interrupted"]) | ~Q(error=""),
                name="voice_job_failed_says_why",
            ),
            models.CheckConstraint(
                condition=Q(progress_total=0) | Q(progress_done__lte=F("progress_total")),
                name="voice_job_progress_within_total",
            ),
            models.CheckConstraint(
                condition=Q(cancel_asked_at=None, cancel_asked_by="")
                | Q(cancel_asked_at__isnull=False) & ~Q(cancel_asked_by=""),
                name="voice_job_cancelled_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(hold=None, charge=None) | Q(price_snapshot__isnull=False), name="voice_job_hold_has_a_price"
            ),
            models.CheckConstraint(condition=Q(charge=None) | Q(state="done"), name="voice_job_charged_when_done"),
            models.UniqueConstraint(
                fields=["voice"],
                condition=Q(voice__isnull=False, state__in=OPEN),
                name="voice_job_one_open_per_voice",
            ),
            models.UniqueConstraint(
                fields=["voice"],
                condition=Q(price_snapshot__isnull=False, state__in=(*OPEN, "interrupted")),
                name="voice_job_one_clone_per_voice",
            ),
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(kind="train", state__in=("running", "cancelling")),
                name="voice_job_one_training_at_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="queued"), name="voice_job_queued"),
            models.Index(fields=["heartbeat_at"], condition=Q(state__in=OPEN[1:]), name="voice_job_running"),
            models.Index(fields=["voice", "-id"], name="voice_job_of_voice"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.public_id}"

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def resumable(self) -> bool:
        return self.state in ("interrupted", "failed", "cancelled") and self.work_removed_at is None

    @property
    def percent(self) -> int | None:
        return self.progress_done * 100 // self.progress_total if self.progress_total else None


class VoiceJobItem(models.Model):
    """One voice of a job that rebuilds many."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waits"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    job = models.ForeignKey(VoiceJob, models.CASCADE, related_name="items", db_index=False)
    voice = models.ForeignKey(Voice, models.PROTECT, related_name="+")
    conditioning = models.ForeignKey(Conditioning, models.PROTECT, related_name="+")
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    message = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["job", "id"]
        constraints = [
            models.UniqueConstraint(fields=["job", "voice"], name="voice_job_item_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "done"]) | Q(state="failed") & ~Q(message=""),
                name="voice_job_item_failed_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voice} of {self.job}"


class VoiceJobEvent(models.Model):
    """A line that the child wrote, other than progress."""

    job = models.ForeignKey(VoiceJob, models.CASCADE, related_name="events", db_index=False)
    attempt = models.PositiveSmallIntegerField()
    seq = models.PositiveIntegerField()
    at = models.DateTimeField(default=clock.now)
    type = models.CharField(max_length=20)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["job", "attempt", "seq"]
        constraints = [models.UniqueConstraint(fields=["job", "attempt", "seq"], name="voice_job_event_once")]

    def __str__(self) -> str:
        return f"{self.type} {self.seq} of {self.job}"
