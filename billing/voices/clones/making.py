"""A customer's voice before it is paid for: a draft with recordings, which cost nothing."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User, Workspace
from billing.voices.clones.errors import CloneRefused
from billing.voices.clones.quoting import quotes
from billing.voices.engines.offered import offered_version
from billing.voices.jobs.services import job_cancel
from billing.voices.models import Voice, VoiceJob
from billing.voices.models.jobs import GOING_ON
from billing.voices.provisioning import Consent, Upload, clip_exclude, clips_add, voice_make
from billing.voices.services import voice_delete, voice_locked

MOST_DRAFTS = 10  # of a workspace
MOST_CLIPS = 20  # of a customer's voice


def draft_make(
    *, workspace: Workspace, name: str, language: str, consent: Consent, by: User, request: HttpRequest | None = None
) -> Voice:
    """Raises CloneRefused, ValidationError by field."""
    if offered_version() is None or not (sold := quotes(workspace.pk)):
        raise CloneRefused("Voices cannot be cloned at present.")
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # drafts are counted one by one
        if Voice.objects.filter(owner=workspace, state=Voice.State.DRAFT).count() >= MOST_DRAFTS:
            raise CloneRefused(f"There are {MOST_DRAFTS} drafts already. Delete one that you do not need.")
        return voice_make(
            name=name,
            language=language,
            tier=next(iter(sold)),
            owner=workspace,
            consent=consent,
            by=by,
            request=request,
        )


def recordings_add(voice: Voice, uploads: list[Upload], *, by: User, request: HttpRequest | None = None) -> list[str]:
    """Keep them and have them inspected; what was not kept, in sentences. Raises CloneRefused."""
    _must_be_draft(voice)
    try:
        _, problems = clips_add(voice.pk, uploads, most=MOST_CLIPS, by=by, request=request)
    except ValidationError as refused:
        raise CloneRefused(" ".join(refused.messages)) from None
    return problems


def recording_leave_out(voice: Voice, position: int, *, by: User, request: HttpRequest | None = None) -> bool:
    """Of a draft; False where it has no such recording. Raises CloneRefused."""
    with transaction.atomic():
        voice = voice_locked(voice.pk)
        _must_be_draft(voice)
        clip = voice.clips.filter(position=position).first()
        if clip is None:
            return False
        try:
            clip_exclude(clip.pk, reason="left out by its owner", by=by, request=request)
        except ValidationError as refused:
            raise CloneRefused(" ".join(refused.messages)) from None
    return True


def clone_cancel(voice: Voice, *, by: User, request: HttpRequest | None = None) -> bool:
    """Stop what is being done for it; False where nothing was. What is held is given back when it has stopped, also
    where the voice was finished at that moment.
    """
    job = VoiceJob.objects.filter(GOING_ON, voice=voice).first()
    if job is None:
        return False
    try:
        job_cancel(job.pk, by=by, request=request)
    except ValidationError as refused:
        raise CloneRefused(" ".join(refused.messages)) from None
    return True


def clone_delete(voice: Voice, *, by: User, request: HttpRequest | None = None) -> None:
    """For good, files included. What was charged stays charged. Raises CloneRefused."""
    try:
        voice_delete(voice.pk, reason="Deleted by its owner", by=by, during_rollout=True, request=request)
    except ValidationError:
        raise CloneRefused("Something is being done for this voice. Stop it, or wait until it has ended.") from None


def _must_be_draft(voice: Voice) -> None:
    if voice.state != Voice.State.DRAFT:
        raise CloneRefused("This voice is finished. For other recordings, clone another one.")
