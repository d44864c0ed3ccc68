"""Clones whose worker died go on by themselves, and after a few attempts their owner gets the credits back."""

from datetime import datetime, timedelta

from django.db import transaction

from billing.foundation.due.registry import due_job
from billing.voices.clones.ordering import ATTEMPTS, CLONE, clone_ended
from billing.voices.jobs.services import job_resume
from billing.voices.models import VoiceJob

GIVEN_UP = f"It was interrupted {ATTEMPTS} times. Ask for it again later."


@due_job("voice_clones", every=timedelta(minutes=1))
def voice_clones(*, now: datetime, limit: int) -> int:
    """Let interrupted clones of customers go on, or give the credits back."""
    waiting = VoiceJob.objects.filter(state=VoiceJob.State.INTERRUPTED, spec__has_key=CLONE).order_by("pk")
    done = 0
    for pk in list(waiting.values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            job = VoiceJob.objects.select_for_update(of=("self",)).select_related("voice", "engine_version").get(pk=pk)
            if job.state != VoiceJob.State.INTERRUPTED:
                continue
            if job.attempt < ATTEMPTS:
                job_resume(pk, by="system")
            else:
                job.state, job.error = VoiceJob.State.FAILED, GIVEN_UP
                job.save(update_fields=["state", "error"])
                job.items.filter(state="waiting").update(state="failed", message=GIVEN_UP)
                clone_ended(job)
        done += 1
    return done
