"""The voice worker's only task: take the job that has waited longest and do it."""

from celery import shared_task

from billing.voices.jobs.services import hint
from billing.voices.jobs.work import LIMITS, work_next
from billing.voices.models import VoiceJob

QUEUE = "voice"


# Acknowledged before it begins: a message that is delivered again must not start a training a second time. Which job
# it is about, and that nobody else does it, says the row.
@shared_task(
    name="billing.voices.work",
    queue=QUEUE,
    acks_late=False,
    time_limit=LIMITS.total + 3_600,
    soft_time_limit=None,
)
def voice_work_task() -> None:
    if work_next() and VoiceJob.objects.filter(state=VoiceJob.State.QUEUED).exists():
        hint()
