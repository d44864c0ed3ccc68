"""Due jobs by Celery: one task, and beat entries made from the registry."""

from typing import Any

from celery import shared_task

from billing.foundation.due.registry import jobs, run_due

TASK = "billing.foundation.run_due"


@shared_task(name=TASK)
def run_due_task(name: str) -> None:
    run_due(only=name)


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Beat entries of all jobs. A message expires after its interval, so a stopped worker wakes up to no backlog."""
    return {
        job.name: {
            "task": TASK,
            "schedule": job.every.total_seconds(),
            "args": (job.name,),
            "options": {"expires": max(job.every.total_seconds(), 10)},
        }
        for job in jobs()
    }
