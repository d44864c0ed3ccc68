"""A job from the queue to its end: taken once, believed only so far, cancelled, interrupted, and let go on."""

import time
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection

from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.voices import store
from billing.voices.building import voice_build
from billing.voices.duework import voice_jobs, voice_workspaces
from billing.voices.engines.datasets import Training
from billing.voices.engines.services import light_register, train
from billing.voices.jobs import services
from billing.voices.jobs.services import job_cancel, job_claim, job_resume
from billing.voices.jobs.work import Recorder, work_next
from billing.voices.models import Conditioning, EngineVersion, VoiceJob, VoiceJobEvent
from billing.voices.provisioning import clips_add
from billing.voices.runner import Limits
from billing.voices.services import voice_delete
from billing.voices.tasks import voice_work_task
from billing.voices.tests.conftest import Plan, draft, enabled, finished, upload, work

pytestmark = pytest.mark.django_db


def asked(name: str = "Ada") -> VoiceJob:
    job, _ = clips_add(draft(name, clips=0).pk, [upload(name)], by="eve")
    assert job is not None
    return job


def dataset(name: str = "set") -> str:
    folder = store.own_folder(f"datasets/{name}")
    lines = [f'{{"audio_file": "{number}.wav", "text": "one"}}' for number in range(4)]
    for number in range(4):
        (folder / f"{number}.wav").write_text("x")
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    return name


def training(**how: int) -> VoiceJob:
    version = EngineVersion.objects.filter(family="light").first() or light_register(by="eve")
    options = Training(**{"epochs": 2, "batch_size": 4, **how})  # type: ignore[arg-type]
    return train(version.pk, dataset=dataset(), options=options, by="eve")


def test_a_job_leaves_its_trace(priced: None) -> None:
    asked()
    job = finished(work())
    assert (job.attempt, job.exit_code, job.last_seq) == (1, 0, 3)
    assert [event.type for event in job.events.all()] == ["started", "log"]
    assert "a line for the log" in store.absolute(job.log_path).read_text()
    assert job.finished_at is not None
    entries = AuditEntry.objects.filter(target=str(job)).order_by("pk")
    assert [(entry.action, entry.actor_label) for entry in entries] == [
        ("voice.job.asked", "eve"),
        ("voice.job.done", "system"),
    ]


def test_none_waits() -> None:
    assert work_next() is None
    voice_work_task()


@pytest.mark.django_db(transaction=True)
def test_a_job_is_taken_once_however_many_reach_for_it(priced: None) -> None:
    for number in range(6):
        asked(f"Voice {number}")
    start, taken = Barrier(12), []

    def reach() -> None:
        start.wait()
        if (job := job_claim()) is not None:
            taken.append(job.pk)
        connection.close()

    threads = [Thread(target=reach) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(VoiceJob.objects.values_list("pk", flat=True))
    assert set(VoiceJob.objects.values_list("state", "attempt")) == {("running", 1)}


def test_one_training_at_a_time_and_everything_else_beside_it(priced: None) -> None:
    first, second, other = training(), training(), asked()
    assert [job_claim(), job_claim(), job_claim()] == [first, other, None]
    second.refresh_from_db()
    assert second.state == "queued"


@pytest.mark.parametrize("lie", ["another digest", "a file of ours", "not verified"])
def test_a_pipeline_that_lies_about_a_voice_is_not_believed(active: EngineVersion, plan: Plan, lie: str) -> None:
    voice = draft()
    plan(lie=lie)
    voice_build(voice.pk, by="eve")
    job, row = work(), Conditioning.objects.get()
    assert (row.state, row.rel_path) == ("failed", "")
    assert job.state == ("done" if lie == "not verified" else "failed")
    assert lie == "not verified" or job.error.startswith("Not believed:")


def test_an_inspection_that_forgets_a_clip_is_not_believed(priced: None, plan: Plan) -> None:
    plan(lie="one clip less")
    voice = asked().voice
    assert voice is not None
    job = work()
    assert (job.state, job.error) == ("failed", "Not believed: it does not say something of each clip.")
    assert voice.clips.get().state == "waiting"


def test_what_the_pipeline_says_is_what_staff_read(priced: None, plan: Plan) -> None:
    plan(refused=["clip 1 is silent"])
    asked()
    job = work()
    assert (job.state, job.error) == ("refused", "Nothing can be done with it. clip 1 is silent")
    assert not job.resumable
    with pytest.raises(ValidationError, match="cannot go on"):
        job_resume(job.pk, by="eve")


def test_a_crash_can_be_tried_again(priced: None, plan: Plan) -> None:
    plan(crash=True)
    asked()
    job = work()
    assert (job.state, job.exit_code) == ("failed", -9)
    assert "crashed" in job.error
    plan()
    job_resume(job.pk, by="eve")
    job = finished(work())
    assert job.attempt == 2
    assert list(job.events.values_list("attempt", flat=True)) == [1, 1, 2, 2]


def test_a_pipeline_that_is_not_there(priced: None, settings: Any) -> None:
    settings.VOICE_PIPELINE_CMD = ["/no-such-program"]
    asked()
    job = work()
    assert job.state == "failed"
    assert "cannot be started" in job.error


def test_cancelling_what_waits_starts_nothing(priced: None) -> None:
    job = job_cancel(asked().pk, by="bob")
    assert (job.state, job.cancel_asked_by, job.attempt) == ("cancelled", "bob", 0)
    assert work_next() is None
    with pytest.raises(ValidationError, match="has ended already"):
        job_cancel(job.pk, by="bob")
    job_resume(job.pk, by="bob")
    finished(work())


@pytest.mark.django_db(transaction=True)
def test_a_training_is_cancelled_with_its_checkpoint_and_goes_on(priced: None, plan: Plan) -> None:
    plan(slow=0.2)
    job = training(epochs=4)
    worker = _worker()
    _until(lambda: _now(job).progress_done > 1)
    job_cancel(job.pk, by="eve")
    with pytest.raises(ValidationError, match="eve cancelled it already"):
        job_cancel(job.pk, by="bob")
    worker.join(20)
    job = _now(job)
    assert (job.state, job.exit_code, job.error) == ("cancelled", 130, "")
    saved = int((store.absolute(job.resume_dir) / "checkpoint").read_text())
    assert 1 < saved < 20
    plan()
    job_resume(job.pk, by="eve")
    job = finished(work())
    resumed = job.events.get(attempt=2, type="run").data
    assert (resumed["resumed"], resumed["step"]) == (True, saved)
    assert (job.progress_done, job.progress_total, job.result["result"]["steps"]) == (20, 20, 20)


@pytest.mark.django_db(transaction=True)
def test_progress_and_the_heart_are_seen_while_it_runs(priced: None, plan: Plan) -> None:
    plan(slow=0.15)
    job = training(epochs=3)
    worker = _worker()
    _until(lambda: _now(job).progress_done > 2)
    seen = _now(job)
    assert (seen.state, seen.stage, seen.progress_total) == ("running", "train", 15)
    assert seen.metrics["loss"] > 0
    assert seen.heartbeat_at is not None
    assert clock.now() - seen.heartbeat_at < timedelta(seconds=5)
    worker.join(20)
    assert [epoch["epoch"] for epoch in _now(job).result["epochs"]] == [1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_job_stops_and_writes_nothing(priced: None, plan: Plan) -> None:
    plan(slow=0.2)
    job = training(epochs=10)
    worker = _worker()
    _until(lambda: _now(job).progress_done > 0)
    VoiceJob.objects.filter(pk=job.pk).update(heartbeat_at=clock.now() - timedelta(minutes=5))
    assert services.interrupt_silent(clock.now(), 10) == 1
    worker.join(20)
    job = _now(job)
    assert (job.state, job.error) == ("interrupted", services.GONE)
    assert not AuditEntry.objects.filter(action__in=("voice.job.done", "voice.job.failed")).exists()
    plan()
    job_resume(job.pk, by="eve")
    finished(work())


def test_a_silent_worker_is_noticed(priced: None) -> None:
    job, other = training(), asked()
    assert job_claim() == job
    assert job_claim() == other
    job_cancel(other.pk, by="eve")
    now = clock.now()
    assert voice_jobs(now=now + timedelta(seconds=85), limit=200) == 0
    assert voice_jobs(now=now + timedelta(seconds=95), limit=200) == 2
    assert {_now(job).state, _now(other).state} == {"interrupted", "cancelled"}
    job_resume(job.pk, by="eve")
    assert finished(work()).attempt == 2


def test_a_worker_that_is_away_is_reminded_seldom(priced: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr("billing.voices.duework.hint", lambda: sent.append(1))
    asked_at = asked().created_at.replace(minute=1)
    VoiceJob.objects.update(created_at=asked_at)
    for minutes in range(60):
        voice_jobs(now=asked_at + timedelta(minutes=minutes), limit=200)
    assert len(sent) == 11 + 4  # each of the first minutes, then four quarters of an hour


def test_a_deleted_voice_is_not_worked_on(priced: None, plan: Plan) -> None:
    plan(crash=True)
    job = asked()
    work()
    assert job.voice is not None
    voice_delete(job.voice.pk, reason="x", by="eve")
    with pytest.raises(ValidationError, match="The voice is deleted"):
        job_resume(job.pk, by="eve")


def test_a_pipeline_that_stalls_is_stopped(priced: None, plan: Plan) -> None:
    plan(slow=30)
    training()
    job = work_next(Limits(stall=0.7, total=60, grace=0.3))
    assert job is not None
    assert (job.state, job.exit_code) == ("failed", -9)
    assert "nothing was heard of it" in job.error
    assert job.resumable


def test_a_run_outside_its_folder_is_not_gone_on_with(priced: None, plan: Plan) -> None:
    plan(lie="another place")
    training()
    job = work()
    assert (job.state, job.resume_dir) == ("failed", "")
    assert "outside the store" in job.error


def test_events_have_an_end(priced: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.voices.jobs.work.MOST_EVENTS", 1)
    asked()
    finished(work())
    assert VoiceJobEvent.objects.count() == 1


def test_a_message_that_comes_twice_starts_nothing_twice(priced: None) -> None:
    asked()
    voice_work_task()
    voice_work_task()
    assert VoiceJob.objects.get().attempt == 1
    assert voice_work_task.acks_late is False
    assert voice_work_task.queue == "voice"
    assert voice_work_task.time_limit > Limits().total


def test_working_folders_go_and_logs_stay(active: EngineVersion, store_root: Path) -> None:
    enabled()
    later = clock.now() + timedelta(days=15)
    jobs = VoiceJob.objects.count()
    assert voice_workspaces(now=later, limit=200) == jobs
    assert voice_workspaces(now=later, limit=200) == 0
    assert list(store_root.glob("jobs/*/work")) == []
    assert len(list(store_root.glob("jobs/*/log.txt"))) == jobs
    assert not any(job.resumable for job in VoiceJob.objects.all())


def test_the_database_may_be_away_for_a_while(priced: None, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    plan(slow=0.4)
    training()
    tries = []
    write = Recorder.write

    def flaky(self: Recorder) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError("gone")
        write(self)

    monkeypatch.setattr(Recorder, "write", flaky)
    monkeypatch.setattr("billing.voices.jobs.work.connection.close", lambda: None)
    finished(work())
    assert len(tries) > 2


def _now(job: VoiceJob) -> VoiceJob:
    return VoiceJob.objects.get(pk=job.pk)


def _worker() -> Thread:
    def run() -> None:
        try:
            work_next()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    return thread


def _until(what: Any) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)
