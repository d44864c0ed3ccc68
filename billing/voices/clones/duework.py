"""Clones whose worker died go on by themselves, and after a few attempts their owner gets the credits back."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction

from billing.foundation.audit.services import record
from billing.foundation.due.registry import due_job
from billing.voices.clones.ordering import ATTEMPTS, CLONE
from billing.voices.jobs.kinds import kind_of
from billing.voices.jobs.services import job_resume
from billing.voices.models import VoiceJob

GIVEN_UP = f"It was interrupted {ATTEMPTS} times."


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
            if job.attempt >= ATTEMPTS:
                _give_up(job, GIVEN_UP)
            else:
                try:
                    with transaction.atomic():
                        job_resume(pk, by="system")
                except ValidationError as refused:  # it cannot go on; the next ones can
                    _give_up(job, " ".join(refused.messages))
        done += 1
    return done


def _give_up(job: VoiceJob, why: str) -> None:
    job.state, job.error = VoiceJob.State.FAILED, why[:500]
    job.save(update_fields=["state", "error"])
    kind_of(job).ended(job)
    record(action="voice.job.failed", actor="system", target=str(job), reason=why)
