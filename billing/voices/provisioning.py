"""Provisioning: a voice is made, somebody's consent is recorded, and clips come in and are inspected."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.voices import store
from billing.voices.errors import UploadRefused
from billing.voices.jobs.services import Actor, job_ask, name_of
from billing.voices.models import ReferenceClip, Voice, VoiceJob
from billing.voices.services import must_be, must_have_price, target_of, voice_locked
from billing.voices.stack import stack_of

MOST_CLIPS = 100
LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})?")
State = Voice.State


@dataclass(frozen=True)
class Upload:
    """`chunks` are read once; `name` is what the uploader calls it, and only shown."""

    name: str
    chunks: Iterable[bytes]


@dataclass(frozen=True)
class Consent:
    """Whose voice it is, and what this person agreed to."""

    by: str
    statement: str


def voice_make(
    *,
    name: str,
    language: str,
    tier: str,
    by: Actor,
    owner: Workspace | None = None,
    consent: Consent | None = None,
    request: HttpRequest | None = None,
) -> Voice:
    """A draft of a voice of the platform, or of a workspace. Raises ValidationError."""
    name, language = " ".join(name.split()), language.strip().lower()
    if not name or len(name) > 80:
        raise ValidationError({"name": "A name of 1 to 80 characters is needed."})
    if not LANGUAGE.fullmatch(language):
        raise ValidationError({"language": "A language code such as en or pt-br is needed."})
    must_have_price(tier)
    try:
        with transaction.atomic():
            voice = Voice.objects.create(
                name=name, language=language, tier=tier, price_variant=tier, owner=owner, created_by=name_of(by)
            )
            record(
                action="voice.made",
                actor=by,
                workspace=owner,
                target=target_of(voice),
                after={"language": language, "tier": tier},
                request=request,
            )
            if consent is not None:
                voice_consent(voice.pk, consent=consent, by=by, request=request)
    except IntegrityError as error:
        if "voice_name_once_per_owner" not in str(error):
            raise
        raise ValidationError({"name": "There is a voice of this name already."}) from None
    voice.refresh_from_db()
    return voice


def voice_consent(voice_id: int, *, consent: Consent, by: Actor, request: HttpRequest | None = None) -> Voice:
    """Record that the person whose voice it is agreed. Raises ValidationError; a record is never replaced."""
    who, said = consent.by.strip()[:200], consent.statement.strip()[:2000]
    if not who or not said:
        raise ValidationError("Say who agreed, and to what.")
    with transaction.atomic():
        voice = voice_locked(voice_id)
        if voice.consent_at is not None:
            raise ValidationError("Consent is recorded already, and such a record is never replaced.")
        voice.consent_by, voice.consent_statement = who, said
        voice.consent_at, voice.consent_recorded_by = clock.now(), name_of(by)
        voice.save(update_fields=["consent_by", "consent_statement", "consent_at", "consent_recorded_by"])
        record(
            action="voice.consent",
            actor=by,
            target=target_of(voice),
            after={"by": who, "statement": said},
            request=request,
        )
    return voice


def clips_add(
    voice_id: int, uploads: list[Upload], *, by: Actor, most: int = MOST_CLIPS, request: HttpRequest | None = None
) -> tuple[VoiceJob | None, list[str]]:
    """Keep the files and have all clips inspected; the job, and what was not even kept, in sentences.

    Raises ValidationError where the voice takes no clips now.
    """
    voice = Voice.objects.get(pk=voice_id)
    _must_take_clips(voice)
    kept, problems = [], []
    for upload in uploads:
        shown = " ".join(upload.name.replace("\x00", "").split())[-120:] or "a file"
        try:
            kept.append((shown, store.store_clip(voice.public_id, upload.chunks)))
        except UploadRefused as error:
            problems.append(f"{shown} was not taken. {error}")
    with transaction.atomic():
        voice = voice_locked(voice_id)
        _must_take_clips(voice)
        have = dict(voice.clips.values_list("sha256", "position"))
        added = []
        for shown, stored in kept:
            if stored.sha256 in have:
                problems.append(f"{shown} was not taken. It is clip {have[stored.sha256]} of this voice already.")
                continue
            if len(have) >= most:
                problems.append(f"{shown} was not taken. A voice has at most {most} clips.")
                continue
            position = max(have.values(), default=0) + 1
            added.append(
                ReferenceClip.objects.create(
                    voice=voice,
                    position=position,
                    rel_path=stored.rel_path,
                    original_name=shown,
                    sha256=stored.sha256,
                    size=stored.size,
                    created_by=name_of(by),
                )
            )
            have[stored.sha256] = position
        if not added:
            return None, problems
        record(
            action="voice.clips.added",
            actor=by,
            target=target_of(voice),
            after={f"clip {clip.position}": clip.sha256 for clip in added},
            request=request,
        )
        return _inspect(voice, by=by, request=request), problems


def clip_exclude(clip_id: int, *, reason: str, by: Actor, request: HttpRequest | None = None) -> VoiceJob | None:
    """Leave a clip out, and have the others looked at again. Raises ValidationError."""
    with transaction.atomic():
        voice = voice_locked(ReferenceClip.objects.values_list("voice_id", flat=True).get(pk=clip_id))
        clip = ReferenceClip.objects.select_for_update(of=("self",)).get(pk=clip_id)
        _must_take_clips(voice)
        if clip.state == ReferenceClip.State.EXCLUDED:
            raise ValidationError("It is left out already.")
        left = voice.clips.filter(state=ReferenceClip.State.OK).exclude(pk=clip.pk)
        if voice.state == State.ENABLED and not left.exists():
            raise ValidationError("It is the last good clip of a voice that is in use. Add another one first.")
        clip.state, clip.reason = ReferenceClip.State.EXCLUDED, reason.strip()[:300] or "left out by staff"
        clip.save(update_fields=["state", "reason"])
        voice.stack_hash = stack_of(voice)
        voice.save(update_fields=["stack_hash"])
        record(
            action="voice.clip.excluded",
            actor=by,
            target=f"clip {clip.position} of {target_of(voice)}",
            reason=clip.reason,
            request=request,
        )
        if not voice.clips.filter(state__in=("waiting", "ok")).exists():
            return None
        return _inspect(voice, by=by, request=request)


def clips_inspect(voice_id: int, *, by: Actor, request: HttpRequest | None = None) -> VoiceJob:
    """Look at all clips again. Raises ValidationError."""
    with transaction.atomic():
        voice = voice_locked(voice_id)
        _must_take_clips(voice)
        return _inspect(voice, by=by, request=request)


def _inspect(voice: Voice, *, by: Actor, request: HttpRequest | None) -> VoiceJob:
    clips = voice.clips.filter(state__in=(ReferenceClip.State.WAITING, ReferenceClip.State.OK)).order_by("position")
    ids = list(clips.values_list("pk", flat=True))
    if not ids:
        raise ValidationError("Every clip was left out or refused: there is nothing to inspect.")
    return job_ask(
        kind=VoiceJob.Kind.INSPECT, voice=voice, spec={"voice": voice.pk, "clips": ids}, by=by, request=request
    )


def _must_take_clips(voice: Voice) -> None:
    must_be(voice, State.DRAFT, State.ENABLED)
