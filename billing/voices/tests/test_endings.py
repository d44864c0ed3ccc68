"""What a job's state says of how its run ended."""

import signal
import time
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from billing.voices.jobs.services import job_cancel, job_resume
from billing.voices.jobs.work import CANCELLED, LOST, UNWRITTEN, state_after, work_next
from billing.voices.models import VoiceJob
from billing.voices.runner import Outcome
from billing.voices.tests.conftest import Plan, finished, work
from billing.voices.tests.test_jobs import training

TERM, KILL = -signal.SIGTERM, -signal.SIGKILL


def ended(status: str, code: int | None, why: str = "", /, **said: Any) -> Outcome:
    return Outcome(status=status, exit_code=code, result=said, why=why, bad_lines=0, last_seq=0)


@pytest.mark.parametrize(
    ("outcome", "was", "state", "words"),
    [
        (ended("done", 0, status="done"), "running", "done", ""),
        (ended("done", 0, CANCELLED, status="done"), "cancelling", "done", ""),  # it was quicker
        (ended("cancelled", 130, CANCELLED, status="cancelled"), "cancelling", "cancelled", ""),
        (ended("cancelled", TERM, CANCELLED), "cancelling", "cancelled", ""),  # before its first line
        (ended("crashed", TERM, CANCELLED), "cancelling", "cancelled", ""),
        (ended("crashed", KILL, CANCELLED + "; … was killed"), "cancelling", "cancelled", "was killed"),
        (ended("cancelled", 130), "running", "interrupted", "stopped from outside"),
        (ended("cancelled", TERM), "running", "interrupted", "stopped from outside"),
        (ended("cancelled", 130, LOST), "running", "interrupted", LOST),
        (ended("cancelled", TERM, UNWRITTEN), "running", "interrupted", UNWRITTEN),
        (ended("cancelled", TERM, "nothing was heard of it"), "running", "failed", "Stopped: nothing was heard"),
        (ended("crashed", KILL), "running", "failed", "crashed (exit code -9)"),
        (ended("refused", 5, message="Too short."), "running", "refused", "Too short."),
        (ended("spec", 2, message="No."), "running", "failed", "does not understand the order: No."),
    ],
)
def test_the_state_and_the_words(outcome: Outcome, was: str, state: str, words: str) -> None:
    found, error = state_after(outcome, was)
    assert found == state
    assert words in error
    assert bool(error) == bool(words)


@pytest.mark.django_db(transaction=True)
def test_cancelled_before_its_first_line_it_is_cancelled_and_goes_on(
    priced: None, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(mute=60)
    monkeypatch.setattr("billing.voices.jobs.work.BEAT_EVERY", 0.2)
    job = training()

    def run() -> None:
        try:
            work_next()
        finally:
            connection.close()

    worker = Thread(target=run)
    worker.start()
    until = time.monotonic() + 20
    while VoiceJob.objects.get(pk=job.pk).state != "running":
        assert time.monotonic() < until
        time.sleep(0.05)
    job_cancel(job.pk, by="eve")
    worker.join(20)
    job.refresh_from_db()
    assert (job.state, job.exit_code, job.error, job.last_seq) == ("cancelled", TERM, "", 0)
    plan()
    job_resume(job.pk, by="eve")
    assert finished(work()).attempt == 2
