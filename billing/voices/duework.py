"""What has to be looked at by the clock: silent jobs, lost messages, files of deleted voices and of old jobs."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from billing.foundation.audit.services import record
from billing.foundation.due.registry import due_job
from billing.voices import store
from billing.voices.jobs.services import hint, interrupt_silent
from billing.voices.models import Conditioning, Voice, VoiceJob

# A worker that is away for days must not find thousands of messages: it is reminded of what is new, and seldom of the
# rest, which it looks for itself when it starts.
LATELY, SELDOM = timedelta(minutes=10), 15  # minutes
KEEP_WORK = timedelta(days=14)  # what a job that may go on has in its folder


@due_job("voice_jobs", every=timedelta(seconds=30))
def voice_jobs(*, now: datetime, limit: int) -> int:
    """Interrupt jobs on voices whose worker is gone, and remind the voice worker of those that wait."""
    done = interrupt_silent(now, limit)
    waiting = VoiceJob.objects.filter(state=VoiceJob.State.QUEUED)
    if now.minute % SELDOM:
        waiting = waiting.filter(created_at__gte=now - LATELY)
    if waiting.exists():
        hint()
    return done


@due_job("voice_files", every=timedelta(minutes=10))
def voice_files(*, now: datetime, limit: int) -> int:
    """Remove the files of deleted voices. The rows stay, with who consented and who deleted them."""
    done = 0
    while done < limit and _purge_one(now):
        done += 1
    return done


@due_job("voice_workspaces", every=timedelta(hours=6))
def voice_workspaces(*, now: datetime, limit: int) -> int:
    """Remove the working folders of jobs that ended two weeks ago or longer; their logs stay."""
    ended = VoiceJob.objects.filter(finished_at__lt=now - KEEP_WORK, work_removed_at=None)
    ended = ended.exclude(kind=VoiceJob.Kind.TRAIN)  # a finished training waits for its export
    old = list(ended.order_by("finished_at").values_list("pk", "public_id")[:limit])
    for pk, public_id in old:
        store.forget(f"jobs/{public_id}/work")
        VoiceJob.objects.filter(pk=pk).update(work_removed_at=now)
    return len(old)


def _purge_one(now: datetime) -> bool:
    with transaction.atomic():
        voice = (
            Voice.objects.filter(state=Voice.State.DELETED, purged_at=None)
            .select_for_update(of=("self",), skip_locked=True)
            .order_by("state_at", "pk")
            .first()
        )
        if voice is None:
            return False
        store.forget(f"voices/{voice.public_id}")
        # What jobs made of its clips on the way. None of them runs: who deletes a voice is told to wait for them.
        with_it = VoiceJob.objects.filter(Q(voice=voice) | Q(items__voice=voice), finished_at__isnull=False).distinct()
        jobs = list(with_it.filter(work_removed_at=None).values_list("pk", "public_id"))
        for _, public_id in jobs:
            store.forget(f"jobs/{public_id}/work")
        VoiceJob.objects.filter(pk__in=[pk for pk, _ in jobs]).update(work_removed_at=now)
        kept = Conditioning.objects.filter(voice=voice).exclude(rel_path="").count()
        voice.purged_at = now
        voice.save(update_fields=["purged_at"])
        record(
            action="voice.purged",
            actor="system",
            target=f"{voice} ({voice.public_id})",
            after={"clips": voice.clips.count(), "conditionings": kept},
        )
    return True
