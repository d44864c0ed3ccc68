"""Promoting a version, step by step: begin, build, look, switch, and back. Only the switch changes what serves."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from billing.credits import clock
from billing.foundation.audit.services import record
from billing.voices.building import build_many
from billing.voices.jobs.services import Actor, job_cancel, name_of
from billing.voices.models import (
    Conditioning,
    EngineChannel,
    EngineVersion,
    Rollout,
    RolloutItem,
    Voice,
    VoiceJob,
    VoiceJobItem,
)
from billing.voices.models.jobs import OPEN as WORKING
from billing.voices.models.rollouts import OPEN
from billing.voices.serving import channel_locked, current, serving, without

State, Item = Rollout.State, RolloutItem.State


def rollout_begin(version_id: int, *, by: Actor, request: HttpRequest | None = None) -> Rollout:
    """Note down every enabled voice as it is, and have it built on the version. Raises ValidationError."""
    with transaction.atomic():
        channel = channel_locked()
        version = EngineVersion.objects.select_for_update(of=("self",)).get(pk=version_id)
        _must_be_promotable(version, channel)
        if Rollout.objects.filter(state__in=OPEN).exists():
            raise ValidationError("Another rollout is going on: switch or abort it first.")
        rollout = Rollout.objects.create(
            channel=channel, version=version, previous=channel.active, started_by=name_of(by)
        )
        record(
            action="voice.rollout.begun",
            actor=by,
            target=str(version),
            before={"active": str(channel.active or "none")},
            request=request,
        )
        _build(rollout, by=by, request=request)
    return rollout


def rollout_build(rollout_id: int, *, by: Actor, request: HttpRequest | None = None) -> Rollout:
    """Once more for what failed, what changed meanwhile and what is new. Raises ValidationError."""
    with transaction.atomic():
        channel_locked()
        rollout = _open(rollout_id)
        if rollout.jobs.filter(state__in=WORKING).exists():
            raise ValidationError("Its voices are being built. Wait for that, or cancel it.")
        record(action="voice.rollout.built", actor=by, target=str(rollout.version), request=request)
        _build(rollout, by=by, request=request)
    return rollout


def rollout_switch(rollout_id: int, *, by: Actor, request: HttpRequest | None = None) -> Rollout:
    """Let the version serve all voices from now on, or change nothing. Every enabled voice is looked at again as it is
    now: clips and tiers may have changed since it was built. Raises ValidationError.
    """
    with transaction.atomic():
        channel = channel_locked()
        rollout = _open(rollout_id)
        _must_be_promotable(rollout.version, channel)
        if rollout.state != State.READY:
            raise ValidationError("Not every voice is verified on the new version yet.")
        if channel.active_id != rollout.previous_id:
            raise ValidationError("Another version serves now than when this rollout began. Abort it, and begin anew.")
        _must_serve_all(rollout.version)
        _point(channel, rollout.version, before=rollout.previous)
        rollout.state, rollout.switched_by, rollout.switched_at = State.SWITCHED, name_of(by), clock.now()
        rollout.save(update_fields=["state", "switched_by", "switched_at"])
        _record_move("voice.rollout.switched", rollout, channel, by, request)
    return rollout


def rollout_back(rollout_id: int, *, reason: str, by: Actor, request: HttpRequest | None = None) -> Rollout:
    """Let the version before serve all voices again. Raises ValidationError where it could not serve each of them."""
    with transaction.atomic():
        channel = channel_locked()
        rollout = _found(rollout_id)
        if rollout.state != State.SWITCHED or channel.active_id != rollout.version_id:
            raise ValidationError(
                "This version does not serve because of this rollout, so there is nothing to take back."
            )
        previous = rollout.previous
        if previous is None:
            raise ValidationError("No version served before this one, so there is nothing to go back to.")
        if previous.state != EngineVersion.State.READY:
            raise ValidationError(f"{previous} is withdrawn: {previous.reason}")
        _must_serve_all(previous)
        _point(channel, previous, before=rollout.version)
        rollout.state, rollout.ended_by, rollout.ended_at = State.ROLLED_BACK, name_of(by), clock.now()
        rollout.reason = reason[:500]
        rollout.save(update_fields=["state", "ended_by", "ended_at", "reason"])
        _record_move("voice.rollout.rolled_back", rollout, channel, by, request)
    return rollout


def rollout_build_previous(rollout_id: int, *, by: Actor, request: HttpRequest | None = None) -> VoiceJob:
    """Build what the version before lacks, for voices made or changed since the switch. Raises ValidationError."""
    with transaction.atomic():
        rollout = _found(rollout_id)
        if rollout.state != State.SWITCHED or rollout.previous is None:
            raise ValidationError("There is no version before it to go back to.")
        job, _ = build_many(rollout.previous, list(without(rollout.previous)), by=by, request=request)
    return job


def rollout_abort(rollout_id: int, *, reason: str, by: Actor, request: HttpRequest | None = None) -> Rollout:
    """Leave everything as it is. What was built stays, and is there the next time. Raises ValidationError."""
    with transaction.atomic():
        jobs = VoiceJob.objects.filter(rollout=rollout_id, state__in=("queued", "running")).order_by("pk")
        jobs_locked = [job.pk for job in jobs.select_for_update(of=("self",))]
        channel_locked()
        rollout = _open(rollout_id)
        rollout.state, rollout.ended_by, rollout.ended_at = State.ABORTED, name_of(by), clock.now()
        rollout.reason = reason[:500]
        rollout.save(update_fields=["state", "ended_by", "ended_at", "reason"])
        record(action="voice.rollout.aborted", actor=by, target=str(rollout.version), reason=reason, request=request)
        for pk in jobs_locked:
            job_cancel(pk, by=by, request=request)
    return rollout


def rollout_job_ended(rollout_id: int, job: VoiceJob) -> None:
    """Called in the transaction in which its job ended: what was built is noted, and the rollout moves on."""
    rollout = Rollout.objects.select_for_update(of=("self",), no_key=True).get(pk=rollout_id)
    if not rollout.open:
        return
    _note(rollout, job)
    if job.state == VoiceJob.State.INTERRUPTED:
        return  # it goes on, or is cancelled
    _settle(rollout)


def rollout_job_resumed(rollout_id: int, job: VoiceJob) -> None:
    rollout = Rollout.objects.select_for_update(of=("self",), no_key=True).get(pk=rollout_id)
    voices = job.items.filter(state=VoiceJobItem.State.WAITING).values("voice_id")
    rollout.items.filter(voice__in=voices).update(state=Item.WAITING, message="")
    rollout.state = State.BUILDING
    rollout.save(update_fields=["state"])


def _build(rollout: Rollout, *, by: Actor, request: HttpRequest | None) -> None:
    """Bring the items up to the enabled voices as they are now, and ask for what is not verified."""
    voices = list(Voice.objects.filter(state=Voice.State.ENABLED).order_by("pk").select_for_update(no_key=True))
    built = {each.voice_id: each for each in current(rollout.version).filter(voice__in=[v.pk for v in voices])}
    missing = [voice for voice in voices if voice.pk not in built]
    if missing:
        _, rows = build_many(rollout.version, missing, by=by, request=request, rollout=rollout)
        built |= rows
    served = serving(rollout.previous, voices)
    rollout.items.all().delete()
    RolloutItem.objects.bulk_create(
        RolloutItem(
            rollout=rollout,
            voice=voice,
            tier=voice.tier,
            stack_hash=voice.stack_hash,
            conditioning=built[voice.pk],
            serving=served.get(voice.pk),
            state=Item.VERIFIED if built[voice.pk].state == Conditioning.State.VERIFIED else Item.WAITING,
        )
        for voice in voices
    )
    rollout.state = State.BUILDING if missing else State.READY
    rollout.save(update_fields=["state"])


def _note(rollout: Rollout, job: VoiceJob) -> None:
    items = {item.voice_id: item for item in rollout.items.all()}
    for done in job.items.exclude(state=VoiceJobItem.State.WAITING):
        if (item := items.get(done.voice_id)) is not None:
            good = done.state == VoiceJobItem.State.DONE
            item.state, item.message = (Item.VERIFIED, "") if good else (Item.FAILED, done.message)
    RolloutItem.objects.bulk_update(items.values(), ["state", "message"])


def _settle(rollout: Rollout) -> None:
    unready = rollout.items.exclude(state=Item.VERIFIED).exists()
    rollout.state = State.VERIFYING if unready else State.READY
    rollout.save(update_fields=["state"])


def _found(rollout_id: int) -> Rollout:
    return Rollout.objects.select_for_update(of=("self",)).select_related("version", "previous").get(pk=rollout_id)


def _open(rollout_id: int) -> Rollout:
    rollout = _found(rollout_id)
    if not rollout.open:
        raise ValidationError(f"This rollout has ended: {rollout.get_state_display().lower()}.")
    return rollout


def _must_be_promotable(version: EngineVersion, channel: EngineChannel) -> None:
    if version.state != EngineVersion.State.READY:
        raise ValidationError(f"{version} is not ready.")
    if not version.licence_accepted:
        raise ValidationError(f"Nobody has accepted the licence of {version} ({version.licence}). Accept it first.")
    if channel.active_id == version.pk:
        raise ValidationError(f"{version} serves already.")


def _must_serve_all(version: EngineVersion) -> None:
    """Locks the enabled voices, so that none changes its tier or clips until the switch is committed."""
    list(
        Voice.objects.filter(state=Voice.State.ENABLED).order_by("pk").select_for_update(no_key=True).values_list("pk")
    )
    lacking = list(without(version).values_list("name", flat=True)[:11])
    if lacking:
        names = ", ".join(lacking[:10]) + (" and others" if len(lacking) > 10 else "")
        raise ValidationError(f"{version} cannot serve {names} as they are now. Build them first.")


def _point(channel: EngineChannel, to: EngineVersion, *, before: EngineVersion | None) -> None:
    channel.previous, channel.active = before, to
    channel.revision += 1
    channel.changed_at = clock.now()
    channel.save(update_fields=["previous", "active", "revision", "changed_at"])


def _record_move(action: str, rollout: Rollout, channel: EngineChannel, by: Actor, request: HttpRequest | None) -> None:
    record(
        action=action,
        actor=by,
        target=str(channel.active),
        before={"active": str(channel.previous or "none")},
        after={"active": str(channel.active), "revision": channel.revision, "test engine": rollout.version.is_test},
        reason=rollout.reason,
        request=request,
    )
