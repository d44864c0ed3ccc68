"""Asking for a clone, or for a higher tier of one; and what follows when its job ends."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User, Workspace
from billing.foundation.audit.services import record
from billing.voices.building import tier_move, voice_build
from billing.voices.clones.charging import charge, hold, let_go
from billing.voices.clones.emails import tell_failed, tell_ready
from billing.voices.clones.errors import CloneRefused, NotCovered, QuoteOutdated
from billing.voices.clones.quoting import Quote, quotes
from billing.voices.clones.words import CHANGED, STOPPED, TOLD, owners_words
from billing.voices.engines.offered import offered_version
from billing.voices.models import Voice, VoiceJob, VoiceJobItem
from billing.voices.services import missing_to_enable, target_of, voice_enable, voice_locked
from billing.voices.serving import channel_locked
from billing.voices.tiers import TIERS, lacking

CLONE = "clone"  # in a job's spec: the tier that was asked for
FROM = "from"  # there, too: state and tier of the voice then
ATTEMPTS = 3  # of a job whose worker died; then it has failed


def clone_order(
    *, workspace: Workspace, voice: Voice, tier: str, expected: int, by: User, request: HttpRequest | None = None
) -> VoiceJob:
    """Hold the price and have the voice built in the tier: a draft for the tier's price, one that is paid for the
    difference to a higher tier. `expected` is what the person saw, in nano-credits.

    It is charged when it is verified, and given back when that fails. Raises CloneRefused, QuoteOutdated, NotCovered.
    """
    with transaction.atomic():
        channel_locked()
        voice = voice_locked(voice.pk)
        quote = _quoted(workspace, voice, tier, expected)
        try:
            if voice.state == Voice.State.DRAFT and voice.tier != tier:
                voice.tier = voice.price_variant = tier
                voice.save(update_fields=["tier", "price_variant"])
            job = voice_build(voice.pk, tier=tier, by=by, request=request)
        except ValidationError as refused:
            raise CloneRefused(" ".join(refused.messages)) from None
        job.voice, job.spec = voice, job.spec | {CLONE: tier, FROM: [voice.state, voice.tier]}
        job.price_snapshot = quote.snapshot()
        job.hold_id = hold(workspace, job, amount=quote.amount, actor=by.email)
        job.save(update_fields=["spec", "price_snapshot", "hold"])
        _note("voice.clone.asked", job, workspace, by, request, {"tier": tier, "nano": quote.amount})
    return job


def _quoted(workspace: Workspace, voice: Voice, tier: str, expected: int) -> Quote:
    if voice.owner_id != workspace.pk:
        raise CloneRefused("This voice is not yours.")
    if offered_version() is None:
        raise CloneRefused("Voices cannot be cloned at present. Nothing was held or charged.")
    if voice.state not in (Voice.State.DRAFT, Voice.State.ENABLED):
        raise CloneRefused(f"The voice is {voice.get_state_display().lower()}.")
    paid = voice.tier if voice.state == Voice.State.ENABLED else ""
    if tier not in TIERS or (paid and TIERS[tier].rank <= TIERS[paid].rank):
        raise CloneRefused("Choose a tier that is higher than the voice’s own." if paid else "Choose a tier.")
    quote = quotes(workspace.pk, voice=voice).get(tier)
    if quote is None:
        raise CloneRefused(f"The tier {TIERS[tier].name} is not sold at present.")
    if lacks := lacking(voice.assessment, voice.stack_hash, tier):
        raise CloneRefused(f"The recordings are not good enough for {TIERS[tier].name}. {' '.join(lacks)}")
    if quote.amount != expected:
        raise QuoteOutdated
    return quote


def clone_ended(job: VoiceJob) -> None:
    """In the transaction that ends the job, which is locked: charge and hand over, or give the credits back. One that
    was interrupted keeps its hold, because it goes on.
    """
    if CLONE not in job.spec or job.state == VoiceJob.State.INTERRUPTED:
        return
    workspace = _owner(job)
    stopped = job.cancel_asked_at is not None
    why = STOPPED if stopped else _handed_over(workspace, job)
    if not why:
        _note("voice.clone.charged", job, workspace, "system", None, job.price_snapshot)
        tell_ready(workspace, job)
        return
    let_go(workspace, job)
    job.result = job.result | {TOLD: why}
    job.error = job.error or why[:500]
    job.save(update_fields=["result", "error"])
    _note("voice.clone.failed", job, workspace, "system", None, {"nothing charged": why})
    if not stopped:
        tell_failed(workspace, job, why)


def _handed_over(workspace: Workspace, job: VoiceJob) -> str:
    """Charge it and let it be used, both or neither; why it was neither, in words for its owner."""
    if job.state != VoiceJob.State.DONE:
        return owners_words(job)
    item = job.items.get()
    if item.state != VoiceJobItem.State.DONE:
        return item.message
    channel_locked()
    tier, amount = job.spec[CLONE], int((job.price_snapshot or {})["nano"])
    voice = voice_locked(job.voice_id or 0)
    try:
        with transaction.atomic():
            # Staff may have moved it, or retired it for a reason.
            if [voice.state, voice.tier] != job.spec[FROM] or missing_to_enable(voice, tier):
                raise CloneRefused(CHANGED)
            job.charge = charge(workspace, job, amount=amount)
            job.save(update_fields=["charge"])
            if voice.state == Voice.State.ENABLED:
                tier_move(voice, tier, by="system")
            else:
                voice_enable(voice.pk, by="system")
    except (CloneRefused, NotCovered) as refused:
        job.charge = None
        return refused.message
    except ValidationError:  # looked at once more, and something was missing by then
        job.charge = None
        return CHANGED
    return ""


def clone_resumed(job: VoiceJob) -> None:
    """Raises ValidationError: what was held for it is free again, so only its owner can ask for it anew."""
    if CLONE in job.spec and job.state != VoiceJob.State.INTERRUPTED:
        raise ValidationError("The credits for this clone were given back. Its owner has to ask for it again.")


def _owner(job: VoiceJob) -> Workspace:
    return Workspace.objects.get(voices=job.voice_id)


def _note(
    action: str, job: VoiceJob, workspace: Workspace, by: User | str, request: HttpRequest | None, after: Any
) -> None:
    target = target_of(job.voice) if job.voice else str(job)
    record(action=action, actor=by, workspace=workspace, target=target, after=after, request=request)
