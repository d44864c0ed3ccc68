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
from billing.voices.models.jobs import OPEN
from billing.voices.provisioning import Consent, Upload, clips_add, voice_make
from billing.voices.services import voice_delete

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
    if voice.state != Voice.State.DRAFT:
        raise CloneRefused("This voice is finished. For other recordings, clone another one.")
    if voice.clips.count() + len(uploads) > MOST_CLIPS:
        raise CloneRefused(f"A voice takes {MOST_CLIPS} recordings at most.")
    try:
        _, problems = clips_add(voice.pk, uploads, by=by, request=request)
    except ValidationError as refused:
        raise CloneRefused(" ".join(refused.messages)) from None
    return problems


def clone_cancel(voice: Voice, *, by: User, request: HttpRequest | None = None) -> bool:
    """Stop what is being done for it; False where nothing was. What is held is given back when it has stopped."""
    job = VoiceJob.objects.filter(voice=voice, state__in=OPEN).first()
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
        voice_delete(voice.pk, reason="Deleted by its owner", by=by, request=request)
    except ValidationError as refused:
        raise CloneRefused(" ".join(refused.messages)) from None
