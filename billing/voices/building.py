"""Having conditionings built, one voice or all that lack one; and moving voices between tiers, which needs one."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from billing.foundation.audit.services import record
from billing.voices.jobs.services import Actor, job_ask
from billing.voices.models import Conditioning, EngineVersion, Voice, VoiceJob, VoiceJobItem
from billing.voices.services import missing_to_enable, must_be, must_have_price, target_of, voice_locked
from billing.voices.serving import channel, channel_locked, conditioning_for, current, without
from billing.voices.tiers import lacking

State = Voice.State
MOST = 10_000  # voices of a job, as in the pipeline's contract


def voice_build(
    voice_id: int, *, by: Actor, tier: str = "", move: bool = False, request: HttpRequest | None = None
) -> VoiceJob:
    """Build what the voice needs on the version that serves, for its tier or another one; anew where it is there. What
    serves meanwhile goes on serving. With `move` the voice moves to the tier once that is verified.

    Raises ValidationError.
    """
    with transaction.atomic():
        voice = voice_locked(voice_id)
        must_be(voice, State.DRAFT, State.ENABLED, State.RETIRED)
        version = _active()
        if not voice.stack_hash:
            raise ValidationError("It has no good clip yet.")
        row = _to_build(voice, version, tier or voice.tier)
        spec = {"move_to": tier} if move else {}
        job = job_ask(
            kind=VoiceJob.Kind.REBUILD, voice=voice, engine_version=version, spec=spec, by=by, request=request
        )
        VoiceJobItem.objects.create(job=job, voice=voice, conditioning=row)
    return job


def voices_build_missing(*, by: Actor, request: HttpRequest | None = None) -> VoiceJob:
    """Build, in one job, all that enabled voices lack on the version that serves. Raises ValidationError."""
    with transaction.atomic():
        version = _active()
        job, _ = build_many(version, list(without(version)), by=by, request=request)
    return job


def build_many(
    version: EngineVersion, voices: Iterable[Voice], *, by: Actor, request: HttpRequest | None = None, **fields: Any
) -> tuple[VoiceJob, dict[int, Conditioning]]:
    """One job that builds what these voices need on the version, and by voice what it builds into. Call it in a
    transaction. Raises ValidationError.
    """
    voices = [voice for voice in voices if voice.stack_hash]
    if not voices:
        raise ValidationError("No voice lacks anything that could be built.")
    if len(voices) > MOST:
        raise ValidationError(f"At most {MOST:,} voices are built in one job.")
    job = job_ask(kind=VoiceJob.Kind.REBUILD, engine_version=version, by=by, request=request, **fields)
    rows = {voice.pk: _to_build(voice, version, voice.tier) for voice in voices}
    VoiceJobItem.objects.bulk_create(
        VoiceJobItem(job=job, voice=voice, conditioning=rows[voice.pk]) for voice in voices
    )
    return job, rows


def voice_tier(voice_id: int, *, tier: str, by: Actor, request: HttpRequest | None = None) -> VoiceJob | None:
    """Move it up or down. A voice that is offered moves once what it needs in the tier is built and verified, and is
    served as before until then: by the job that is returned, or at once where it is there already (None).

    Raises ValidationError.
    """
    with transaction.atomic():
        channel_locked()
        voice = voice_locked(voice_id)
        must_be(voice, State.DRAFT, State.ENABLED)
        if tier == voice.tier:
            raise ValidationError("It is of this tier already.")
        must_have_price(tier)
        lacks = lacking(voice.assessment, voice.stack_hash, tier) if voice.clips.exists() else []
        if lacks:
            raise ValidationError(lacks)
        if voice.state == State.ENABLED:
            version = _active()
            if not current(version, tier=tier).filter(voice=voice).exists():
                return voice_build(voice_id, tier=tier, move=True, by=by, request=request)
        tier_move(voice, tier, by=by, request=request)
    return None


def tier_move(voice: Voice, tier: str, *, by: Actor, request: HttpRequest | None = None) -> None:
    """Move a voice that is locked, as the channel is. Raises ValidationError where it is offered, and something is
    missing.
    """
    if voice.state == State.ENABLED and (missing := missing_to_enable(voice, tier)):
        raise ValidationError(missing)
    before = voice.tier
    voice.tier = voice.price_variant = tier
    voice.save(update_fields=["tier", "price_variant"])
    record(
        action="voice.tier",
        actor=by,
        target=target_of(voice),
        before={"tier": before},
        after={"tier": tier},
        request=request,
    )


def _active() -> EngineVersion:
    version = channel().active
    if version is None:
        raise ValidationError("No engine version serves yet. Promote one first.")
    return version


def _to_build(voice: Voice, version: EngineVersion, tier: str) -> Conditioning:
    row = conditioning_for(voice, version, tier)
    if row.state == Conditioning.State.FAILED:
        row.state, row.reason = Conditioning.State.BUILDING, ""
        row.save(update_fields=["state", "reason"])
    return row
