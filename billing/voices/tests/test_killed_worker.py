"""SIGKILL to a real voice worker while it trains: nothing is left running, nothing is lost, nothing is done twice."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import LazySettings
from django.core.serializers import serialize

from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.voices import store
from billing.voices.duework import voice_jobs
from billing.voices.engines.datasets import Training
from billing.voices.engines.services import light_register, train
from billing.voices.jobs import services
from billing.voices.jobs.services import SILENT, job_resume
from billing.voices.models import EngineVersion, VoiceJob, VoiceJobEvent
from billing.voices.tests.conftest import finished, work
from billing.voices.tests.recordings import training_data
from billing.voices.tests.test_jobs import asked
from billing.voices.tests.worker import VoiceWorker
from portal.testing.homes import temporary_home
from portal.testing.processes import alive
from portal.testing.testdatabase import url_of_tests
from voice_pipeline.adapters.light.training import checkpoints, read_checkpoint

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children of a killed parent on Linux only"),
]
OPTIONS = Training(epochs=12, batch_size=2)
SECRETS = {name: f"kept-from-the-child-{name.lower()}" for name in ("SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN")}
KNOWN = {
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "VOICE_THREADS", "CUDA_VISIBLE_DEVICES", "TTS_HOME"),
    *("VOICE_ROOTS", "PYTHONUNBUFFERED", "PYTHONUTF8"),
}


@pytest.fixture(autouse=True)
def real(settings: LazySettings) -> None:
    settings.VOICE_PIPELINE_CMD = [sys.executable, "-m", "voice_pipeline"]


@pytest.fixture
def start(store_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], VoiceWorker]]:
    """Starts workers that share a broker; jobs that are asked for are told to the last one."""
    workers: list[VoiceWorker] = []
    with temporary_home() as home:

        def begin() -> VoiceWorker:
            workers.append(VoiceWorker(home, store_root, **SECRETS))
            monkeypatch.setattr(services, "hint", workers[-1].tell)
            return workers[-1]

        yield begin
        for worker in workers:
            if worker.process.poll() is None:
                worker.kill()


def training(*, step_seconds: float) -> VoiceJob:
    version = EngineVersion.objects.first() or light_register(by="eve")
    job = train(version.pk, dataset="talk", options=OPTIONS, by="eve")
    job.spec["options"]["step_seconds"] = step_seconds
    job.save(update_fields=["spec"])
    return job


def now(job: VoiceJob) -> VoiceJob:
    return VoiceJob.objects.get(pk=job.pk)


def until(what: Callable[[], Any], worker: VoiceWorker) -> None:
    end = time.monotonic() + 180  # several processes start one after the other, which a busy machine makes long
    while not what():
        assert worker.process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)


def of_session(leader: int) -> list[psutil.Process]:
    """Every process of the session that the program leads."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader:
                found.append(process)
        except (ProcessLookupError, PermissionError):
            continue
    return found


def kept(job: VoiceJob) -> tuple[Any, bytes, bytes]:
    """What a training came to: its figures, its last checkpoint and its best weights."""
    run = store.absolute(job.resume_dir)
    figures = {name: job.result["result"][name] for name in ("steps", "epochs", "train_loss", "eval_loss")}
    return figures, checkpoints(run)[-1].read_bytes(), (run / "best.safetensors").read_bytes()


def assert_no_secret(store_root: Path) -> None:
    """In no file of the store, and in no row about jobs."""
    secrets = [*SECRETS.values(), url_of_tests()]
    texts = {str(path): path.read_bytes().decode("latin-1") for path in store_root.rglob("*") if path.is_file()}
    assert any(name.endswith("spec.json") for name in texts)
    assert any(name.endswith("log.txt") for name in texts)
    for model in (VoiceJob, VoiceJobEvent, AuditEntry):
        texts[model.__name__] = serialize("json", model.objects.all())
    assert [name for name, text in texts.items() for secret in secrets if secret in text] == []


@pytest.mark.parametrize(
    "killed",
    [
        "its main process",
        pytest.param("all of it", marks=pytest.mark.slow),
        pytest.param("the process that does the job", marks=pytest.mark.slow),
        pytest.param("it and the program", marks=pytest.mark.slow),  # as when the machine fails: no checkpoint is saved
    ],
)
def test_a_killed_training_goes_on_to_the_same_end(
    priced: None, store_root: Path, start: Callable[[], VoiceWorker], killed: str
) -> None:
    training_data(store.own_folder("datasets/talk"))
    training(step_seconds=0)
    undisturbed = finished(work())
    job = training(step_seconds=0.1)
    first = start()
    until(lambda: now(job).progress_done >= 8, first)
    program = first.pipeline()
    session = of_session(program.pid)
    assert program in session
    assert set(program.environ()) <= KNOWN

    if killed == "the process that does the job":
        psutil.Process(program.ppid()).kill()
        family = [program]
    else:
        family = first.family()
        if killed == "it and the program":
            program.kill()
        first.kill(all_of_it=killed != "its main process")
    assert alive([*family, *session], within=5) == []
    assert alive(of_session(program.pid), within=0) == []
    run = store.absolute(now(job).resume_dir)
    steps = [read_checkpoint(path).step for path in checkpoints(run)]  # each is whole
    assert steps[-1] < now(job).progress_total
    assert (steps[-1] >= 8) == (killed != "it and the program")

    # Its message is gone, and the row is another one's: a worker that is there, and works, does not begin it again.
    other = asked()
    second = start() if first.process.poll() is not None else first
    second.tell()
    until(lambda: now(other).state == "done" and not second.messages(), second)
    assert (now(job).state, now(job).attempt) == ("running", 1)

    VoiceJob.objects.filter(pk=job.pk).update(heartbeat_at=clock.now() - SILENT)
    assert voice_jobs(now=clock.now(), limit=200) == 1
    assert (now(job).state, now(job).error) == ("interrupted", services.GONE)
    job_resume(job.pk, by="eve")
    until(lambda: not now(job).open, second)
    done = finished(now(job))
    again = done.events.get(attempt=2, type="run").data
    assert (again["resumed"], again["step"]) == (True, steps[-1])
    assert kept(done) == kept(undisturbed)
    assert done.progress_done == done.progress_total == undisturbed.progress_total
    # What was told in the worker's last second is not in the row; what is there is told once, and as it was.
    told = {epoch["epoch"]: epoch for epoch in done.result["epochs"]}
    assert len(told) == len(done.result["epochs"]) >= OPTIONS.epochs - 6
    assert OPTIONS.epochs in told
    assert [epoch for epoch in undisturbed.result["epochs"] if epoch["epoch"] in told] == done.result["epochs"]

    second.stop()
    assert (now(job).attempt, second.messages()) == (2, [])
    actions = AuditEntry.objects.filter(target=str(job)).order_by("pk").values_list("action", flat=True)
    assert [action.rpartition(".")[2] for action in actions] == ["asked", "interrupted", "resumed", "done"]
    orders = json.loads((store_root / "jobs" / job.public_id / "spec.json").read_text())
    assert orders["resume_dir"] == str(run)
    assert_no_secret(store_root)
