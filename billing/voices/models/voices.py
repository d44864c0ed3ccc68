"""A voice, the clips that it is made from, and what an engine version keeps of them."""

import secrets

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from accounts.models import Workspace
from billing.credits import clock

DIGEST = r"^[0-9a-f]{64}$"


def new_voice_id() -> str:
    return "voice_" + secrets.token_hex(12)


class Voice(models.Model):
    """Which conditioning serves it is never kept here: that follows from its tier, its clips and the version that the
    channel points to, so that one row switches all voices.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        ENABLED = "enabled", "Enabled"
        RETIRED = "retired", "Retired"  # nobody can choose it any more
        DELETED = "deleted", "Deleted"

    public_id = models.CharField(max_length=40, unique=True, default=new_voice_id, editable=False)
    owner = models.ForeignKey(Workspace, models.PROTECT, null=True, blank=True, related_name="voices")  # null: platform
    name = models.CharField(max_length=80)
    language = models.CharField(max_length=10)  # "en", "pt-br"
    tier = models.CharField(max_length=20)  # a key of billing.voices.tiers.TIERS
    price_variant = models.CharField(max_length=40, blank=True)  # of the price book, under which it is sold
    state = models.CharField(max_length=8, choices=State.choices, default=State.DRAFT)
    state_at = models.DateTimeField(default=clock.now)
    stack_hash = models.CharField(max_length=64, blank=True)  # of the clips that count, in order; empty: none
    # What the last inspection of exactly these clips found: {"stack": …, "tiers": …, "odd_one_out": …}.
    assessment = models.JSONField(default=dict)
    consent_by = models.CharField(max_length=200, blank=True)  # whose voice it is
    consent_statement = models.TextField(max_length=2000, blank=True)
    consent_at = models.DateTimeField(null=True, blank=True)
    consent_recorded_by = models.CharField(max_length=200, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    purged_at = models.DateTimeField(null=True, blank=True)  # its files are gone

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "enabled", "retired", "deleted"]), name="voice_state_known"
            ),
            models.CheckConstraint(condition=~Q(name="") & ~Q(language="") & ~Q(tier=""), name="voice_named"),
            models.CheckConstraint(
                condition=Q(consent_at=None, consent_by="", consent_statement="", consent_recorded_by="")
                | Q(consent_at__isnull=False)
                & ~Q(consent_by="")
                & ~Q(consent_statement="")
                & ~Q(consent_recorded_by=""),
                name="voice_consent_whole_or_none",
            ),
            models.CheckConstraint(
                condition=~Q(state="enabled") | Q(consent_at__isnull=False) & ~Q(stack_hash="") & ~Q(price_variant=""),
                name="voice_enabled_has_consent_clips_price",
            ),
            models.CheckConstraint(condition=Q(purged_at=None) | Q(state="deleted"), name="voice_purged_is_deleted"),
            models.UniqueConstraint(
                F("owner"),
                Lower("name"),
                condition=~Q(state="deleted"),
                nulls_distinct=False,
                name="voice_name_once_per_owner",
            ),
        ]
        indexes = [
            models.Index(fields=["-id"], condition=Q(state="enabled"), name="voice_enabled"),
            models.Index(fields=["state_at"], condition=Q(state="deleted", purged_at=None), name="voice_to_purge"),
        ]

    def __str__(self) -> str:
        return self.name


class ReferenceClip(models.Model):
    """A recording that was uploaded. Its file is named by its digest; what the uploader called it is only shown."""

    class State(models.TextChoices):
        WAITING = "waiting", "Not inspected yet"
        OK = "ok", "Inspected"
        REFUSED = "refused", "Refused"
        EXCLUDED = "excluded", "Left out"  # by staff

    voice = models.ForeignKey(Voice, models.PROTECT, related_name="clips")
    position = models.PositiveSmallIntegerField()
    rel_path = models.CharField(max_length=200)  # below VOICE_ROOT
    original_name = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()  # bytes
    facts = models.JSONField(default=dict)  # format, seconds, sample rate, channels
    quality = models.JSONField(default=dict)  # speech seconds, noise, clipping, bandwidth
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["voice", "position"]
        constraints = [
            models.UniqueConstraint(fields=["voice", "position"], name="reference_clip_one_per_position"),
            models.UniqueConstraint(fields=["voice", "sha256"], name="reference_clip_once_per_voice"),
            models.CheckConstraint(condition=Q(sha256__regex=DIGEST), name="reference_clip_digest"),
            models.CheckConstraint(condition=Q(position__gte=1, size__gte=1), name="reference_clip_sane"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "ok", "refused", "excluded"]), name="reference_clip_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["refused", "excluded"]) | ~Q(reason=""), name="reference_clip_refused_says_why"
            ),
            models.CheckConstraint(condition=~Q(state="ok") | ~Q(quality={}), name="reference_clip_good_was_measured"),
        ]

    def __str__(self) -> str:
        return f"clip {self.position} of {self.voice}"

    @property
    def clipped_percent(self) -> float:
        """Of its samples; for people to read."""
        return float(self.quality.get("clipped_ratio") or 0) * 100


class Conditioning(models.Model):
    """What one engine version made of one stack of clips, for one tier with its options."""

    class State(models.TextChoices):
        BUILDING = "building", "Being built"
        VERIFIED = "verified", "Verified"
        FAILED = "failed", "Failed"

    voice = models.ForeignKey(Voice, models.PROTECT, related_name="conditionings", db_index=False)
    engine_version = models.ForeignKey("voices.EngineVersion", models.PROTECT, related_name="conditionings")
    tier = models.CharField(max_length=20)
    stack_hash = models.CharField(max_length=64)
    options = models.JSONField(default=dict)
    options_hash = models.CharField(max_length=64)
    rel_path = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    sample_path = models.CharField(max_length=200, blank=True)  # a sentence that it speaks, to listen to
    verify = models.JSONField(default=dict)  # what the engine measured
    state = models.CharField(max_length=8, choices=State.choices, default=State.BUILDING)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    built_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["voice", "engine_version", "tier", "stack_hash", "options_hash"], name="conditioning_once"
            ),
            models.CheckConstraint(
                condition=Q(stack_hash__regex=DIGEST, options_hash__regex=DIGEST) & ~Q(tier=""),
                name="conditioning_of_something",
            ),
            models.CheckConstraint(
                condition=Q(state="building")
                | Q(state="verified", sha256__regex=DIGEST, built_at__isnull=False, reason="") & ~Q(rel_path="")
                | Q(state="failed") & ~Q(reason=""),
                name="conditioning_state_says_all",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voice} on {self.engine_version}, {self.tier}"
