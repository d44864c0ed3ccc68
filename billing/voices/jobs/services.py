"""Asking for a job, cancelling it, letting it go on. The row is the truth; a message to the worker is only a hint."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest
from kombu.exceptions import OperationalError

from accounts.models import User
from billing.credits import clock
from billing.foundation.audit.services import record
from billing.voices.jobs.kinds import kind_of
from billing.voices.models import Voice, VoiceJob
from billing.voices.models.jobs import GOING_ON

log = logging.getLogger(__name__)
SILENT = timedelta(seconds=90)  # without a heartbeat, then its worker is gone
BUSY = "Another job works on this voice. Wait for it, or cancel it."
GONE = "Its worker ended without a word. Nothing of it is lost: let it go on."
Actor = User | str


def name_of(by: Actor) -> str:
    return (by.email if isinstance(by, User) else by)[:200]


def job_ask(*, kind: str, by: Actor, request: HttpRequest | None = None, **fields: Any) -> VoiceJob:
    """Write down a job for the voice worker. Raises ValidationError where another one works on the voice."""
    with transaction.atomic():
        # Looked at before: an insert would wait for the end of a job that ends at this moment, which may wait for us.
        voice = fields.get("voice")
        if voice is not None and VoiceJob.objects.filter(GOING_ON, voice=voice).exists():
            raise ValidationError(BUSY)
        try:
            with transaction.atomic():
                job = VoiceJob.objects.create(kind=kind, requested_by=name_of(by), **fields)
        except IntegrityError as error:
            if "voice_job_one_open_per_voice" not in str(error):
                raise
            raise ValidationError(BUSY) from None
        record(
            action="voice.job.asked",
            actor=by,
            target=str(job),
            after={
                "voice": job.voice and job.voice.public_id,
                "version": job.engine_version and str(job.engine_version),
            },
            request=request,
        )
        transaction.on_commit(hint)
    return job


def hint() -> None:
    """Tell the voice worker that something waits. Lost messages cost half a minute: a due job sends them again."""
    from billing.voices.tasks import voice_work_task

    try:
        voice_work_task.apply_async(expires=60, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("the voice worker was not told of a job: %s", error)


def job_cancel(job_id: int, *, by: Actor, request: HttpRequest | None = None) -> VoiceJob:
    """One that waits is cancelled at once, as is a clone that was interrupted; one that runs is asked to stop. Raises
    ValidationError.
    """
    with transaction.atomic():
        job = VoiceJob.objects.select_for_update(of=("self",)).get(pk=job_id)
        if job.state == VoiceJob.State.CANCELLING:
            raise ValidationError(f"{job.cancel_asked_by} cancelled it already; it is stopping.")
        waits = job.state == VoiceJob.State.INTERRUPTED and job.price_snapshot is not None
        if not job.open and not waits:
            raise ValidationError(f"It has ended already: {job.get_state_display().lower()}.")
        job.cancel_asked_by, job.cancel_asked_at = name_of(by), clock.now()
        if waits or job.state == VoiceJob.State.QUEUED:
            job.state, job.finished_at = VoiceJob.State.CANCELLED, job.cancel_asked_at
        else:
            job.state = VoiceJob.State.CANCELLING
        job.save(update_fields=["state", "finished_at", "cancel_asked_by", "cancel_asked_at"])
        if job.state == VoiceJob.State.CANCELLED:
            kind_of(job).ended(job)
        record(action="voice.job.cancelled", actor=by, target=str(job), request=request)
    return job


def job_resume(job_id: int, *, by: Actor, request: HttpRequest | None = None) -> VoiceJob:
    """Another attempt of the same job, which goes on where the last one stopped. Raises ValidationError."""
    with transaction.atomic():
        job = VoiceJob.objects.select_for_update(of=("self",)).get(pk=job_id)
        if not job.resumable:
            raise ValidationError(f"It cannot go on: {job.get_state_display().lower()}.")
        if job.voice_id and Voice.objects.filter(pk=job.voice_id, state=Voice.State.DELETED).exists():
            raise ValidationError("The voice is deleted.")
        kind_of(job).resumed(job)
        before = {"state": job.state, "error": job.error, "attempt": job.attempt}
        job.state, job.finished_at, job.error, job.exit_code = VoiceJob.State.QUEUED, None, "", None
        job.cancel_asked_by, job.cancel_asked_at = "", None
        try:
            with transaction.atomic():
                job.save(
                    update_fields=[
                        *("state", "finished_at", "error", "exit_code"),
                        *("cancel_asked_by", "cancel_asked_at"),
                    ]
                )
        except IntegrityError:
            raise ValidationError(BUSY) from None
        record(action="voice.job.resumed", actor=by, target=str(job), before=before, request=request)
        transaction.on_commit(hint)
    return job


def job_claim() -> VoiceJob | None:
    """The job that has waited longest, which is ours from now on: no other worker takes it. One training at a time, so
    that days of training do not keep everything else waiting.
    """
    State = VoiceJob.State
    while True:
        waiting = VoiceJob.objects.filter(state=State.QUEUED).order_by("pk")
        if VoiceJob.objects.filter(kind=VoiceJob.Kind.TRAIN, state__in=(State.RUNNING, State.CANCELLING)).exists():
            waiting = waiting.exclude(kind=VoiceJob.Kind.TRAIN)
        found = waiting.values_list("pk", flat=True).first()
        if found is None:
            return None
        now = clock.now()
        try:
            with transaction.atomic():
                taken = VoiceJob.objects.filter(pk=found, state=State.QUEUED).update(
                    state=State.RUNNING,
                    attempt=F("attempt") + 1,
                    started_at=now,
                    heartbeat_at=now,
                    last_seq=0,
                    stage="",
                    progress_done=0,
                    progress_total=0,
                )
        except IntegrityError:  # another worker has begun a training this very moment
            continue
        if taken:
            return VoiceJob.objects.select_related("voice", "engine_version", "rollout").get(pk=found)


def interrupt_silent(now: datetime, limit: int) -> int:
    """Jobs whose worker has not been heard of are interrupted, or cancelled where somebody wanted that."""
    State = VoiceJob.State
    done = 0
    for _ in range(limit):
        with transaction.atomic():
            job = (
                VoiceJob.objects.filter(state__in=(State.RUNNING, State.CANCELLING), heartbeat_at__lt=now - SILENT)
                .select_for_update(of=("self",), skip_locked=True)
                .order_by("pk")
                .first()
            )
            if job is None:
                return done
            was = job.state
            job.state = State.CANCELLED if was == State.CANCELLING else State.INTERRUPTED
            job.finished_at, job.error = now, GONE
            job.save(update_fields=["state", "finished_at", "error"])
            kind_of(job).ended(job)
            record(
                action=f"voice.job.{job.state}",
                actor="system",
                target=str(job),
                before={"state": was, "heartbeat": job.heartbeat_at},
                reason=GONE,
            )
        done += 1
    return done
