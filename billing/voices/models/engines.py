"""Versions of the engine, and the pointer to the one that serves."""

import secrets

from django.db import models
from django.db.models import F, Q

from billing.credits import clock


def new_version_id() -> str:
    return "engine_" + secrets.token_hex(12)


class EngineVersion(models.Model):
    """Files of an engine, by their digests. What a version is never changes once it is ready (a trigger)."""

    class Family(models.TextChoices):
        LIGHT = "light", "Light (no speech)"
        XTTS = "xtts", "XTTS"

    class State(models.TextChoices):
        DRAFT = "draft", "Being made"
        READY = "ready", "Ready"
        BROKEN = "broken", "Withdrawn"

    public_id = models.CharField(max_length=40, unique=True, default=new_version_id, editable=False)
    family = models.CharField(max_length=10, choices=Family.choices)
    label = models.CharField(max_length=60)
    rel_dir = models.CharField(max_length=200, blank=True)  # below VOICE_ROOT; empty: it has no files
    files = models.JSONField(default=dict)  # name → sha256
    params = models.JSONField(default=dict)  # what the engine says of itself
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    trained_by = models.OneToOneField(
        "voices.VoiceJob", models.PROTECT, null=True, blank=True, related_name="trained_version"
    )
    metrics = models.JSONField(default=dict)  # of its training
    is_test = models.BooleanField()  # its voices are noise: for trying the flow, not for customers
    licence = models.CharField(max_length=200)
    licence_accepted_by = models.CharField(max_length=200, blank=True)
    licence_accepted_at = models.DateTimeField(null=True, blank=True)
    licence_statement = models.CharField(max_length=500, blank=True)  # why it may be used so
    state = models.CharField(max_length=6, choices=State.choices, default=State.DRAFT)
    reason = models.CharField(max_length=300, blank=True)  # why it is withdrawn
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["family", "label"], name="engine_version_label_once"),
            models.CheckConstraint(condition=Q(family__in=["light", "xtts"]), name="engine_version_family_known"),
            models.CheckConstraint(condition=~Q(label="") & ~Q(licence=""), name="engine_version_says_what_it_is"),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(state="ready") | Q(state="broken") & ~Q(reason=""),
                name="engine_version_state_known",
            ),
            models.CheckConstraint(
                condition=Q(licence_accepted_at=None, licence_accepted_by="", licence_statement="")
                | Q(licence_accepted_at__isnull=False) & ~Q(licence_accepted_by="") & ~Q(licence_statement=""),
                name="engine_version_licence_accepted_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state="ready", family="xtts") | ~Q(files={}) & ~Q(rel_dir=""),
                name="engine_version_ready_has_files",
            ),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="engine_version_not_its_own_parent"),
        ]

    def __str__(self) -> str:
        return f"{self.family} {self.label}{' (TEST ENGINE)' if self.is_test else ''}"

    @property
    def licence_accepted(self) -> bool:
        return self.licence_accepted_at is not None


class EngineChannel(models.Model):
    """One row: the version that serves all voices, and the one before. Moving `active` is what a promotion is; a
    trigger lets it point only to a version that is ready and whose licence somebody accepted.
    """

    active = models.ForeignKey(EngineVersion, models.PROTECT, null=True, blank=True, related_name="+")
    previous = models.ForeignKey(EngineVersion, models.PROTECT, null=True, blank=True, related_name="+")
    revision = models.PositiveIntegerField(default=0)  # one more with each move
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="engine_channel_one_row"),
            models.CheckConstraint(
                condition=Q(active=None) | Q(previous=None) | ~Q(active=F("previous")),
                name="engine_channel_previous_is_another",
            ),
        ]

    def __str__(self) -> str:
        return f"catalogue, revision {self.revision}"
