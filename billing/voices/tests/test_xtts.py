"""The code of coqui-tts itself, through the portal: from recordings to a promotion of what was trained, and back.

The engine is a tiny one of random weights.
"""

import subprocess
import time
from pathlib import Path
from threading import Thread

import pytest
from django.conf import LazySettings
from django.core.exceptions import ValidationError
from django.db import connection

from billing.voices import store
from billing.voices.building import voice_build
from billing.voices.engines.datasets import Training
from billing.voices.engines.services import export, licence_accept, train, version_register
from billing.voices.jobs.services import job_cancel, job_resume
from billing.voices.jobs.work import work_next
from billing.voices.models import EngineVersion, Rollout, Voice, VoiceJob
from billing.voices.provisioning import Upload, clips_add
from billing.voices.rollouts.steps import rollout_back, rollout_begin, rollout_build, rollout_switch
from billing.voices.services import voice_enable
from billing.voices.serving import channel, serving
from billing.voices.tests.conftest import draft, finished, promote, work
from billing.voices.tests.recordings import recorded, training_data
from portal.home import BASE_DIR

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PYTHON = BASE_DIR / ".venv-voice" / "bin" / "python"
EPOCHS = 8  # of two steps each
STACKS = {"Ada": ("ada0", "ada1"), "Bob": ("bob0", "bob1"), "Cora": ("ada1",)}


@pytest.fixture(autouse=True)
def real(settings: LazySettings) -> None:
    assert PYTHON.exists(), "the voice engine is not installed: make install-voice"
    settings.VOICE_PIPELINE_CMD = [str(PYTHON), "-m", "voice_pipeline"]


@pytest.fixture
def tiny(priced: None, store_root: Path) -> EngineVersion:
    """Files that the operator has put there, registered and nothing more."""
    folder = store_root / "engines" / "tiny"
    folder.parent.mkdir()
    command = [PYTHON, "-m", "voice_pipeline.testing.tiny_xtts", folder]
    subprocess.run(command, check=True, capture_output=True, cwd=BASE_DIR)
    return version_register(family="xtts", label="tiny", folder="tiny", licence="Apache-2.0", is_test=True, by="eve")


@pytest.fixture
def voices(tiny: EngineVersion, tmp_path: Path) -> list[Voice]:
    """Enabled on the tiny engine, each with recordings of its own."""
    with pytest.raises(ValidationError, match="Nobody has accepted the licence"):
        rollout_begin(tiny.pk, by="eve")
    licence_accept(tiny.pk, statement="Random weights that nobody hears.", by="eve")
    promote(tiny)
    folder = tmp_path / "recordings"
    folder.mkdir()
    found = recorded(folder)
    return [made(name, [found[clip] for clip in clips]) for name, clips in STACKS.items()]


def made(name: str, clips: list[bytes]) -> Voice:
    voice = draft(name, clips=0)
    clips_add(voice.pk, [Upload(f"{number}.wav", [clip]) for number, clip in enumerate(clips)], by="eve")
    finished(work())
    voice_build(voice.pk, by="eve")
    finished(work())
    return voice_enable(voice.pk, by="eve")


def served() -> dict[str, tuple[str, str]]:
    """By voice, which file of which version serves it."""
    voices = list(Voice.objects.filter(state="enabled"))
    rows = serving(channel().active, voices)
    for row in rows.values():
        assert store.absolute(row.rel_path).is_file()
        assert store.absolute(row.sample_path).read_bytes()[:4] == b"RIFF"
    return {voice.name: (rows[voice.pk].engine_version.label, rows[voice.pk].sha256) for voice in voices}


def now(job: VoiceJob) -> VoiceJob:
    return VoiceJob.objects.get(pk=job.pk)


def cancelled_in_the_middle(job: VoiceJob) -> VoiceJob:
    def run() -> None:
        try:
            work_next()
        finally:
            connection.close()

    worker = Thread(target=run)
    worker.start()
    until = time.monotonic() + 180
    while now(job).stage != "train" or now(job).progress_done < 2:
        assert worker.is_alive(), now(job).error
        assert time.monotonic() < until
        time.sleep(0.05)
    job_cancel(job.pk, by="eve")
    worker.join(120)
    return now(job)


def test_trained_cancelled_resumed_exported_promoted_and_taken_back(voices: list[Voice], tiny: EngineVersion) -> None:
    before = served()
    assert {label for label, _ in before.values()} == {"tiny"}
    assert len({digest for _, digest in before.values()}) == 3

    training_data(store.own_folder("datasets/talk"))
    job = train(tiny.pk, dataset="talk", options=Training(epochs=EPOCHS, batch_size=2), by="eve")
    first = cancelled_in_the_middle(job)
    assert (first.state, first.exit_code, first.error) == ("cancelled", 130, "")
    assert 2 <= first.progress_done < 2 * EPOCHS
    saved = max(int(path.stem.rpartition("_")[2]) for path in store.absolute(first.resume_dir).glob("checkpoint_*.pth"))
    job_resume(job.pk, by="eve")
    trained = finished(work())
    again = trained.events.get(attempt=2, type="run").data
    assert again["resumed"]
    assert 2 <= saved <= again["step"] <= saved + 1  # the trainer counts the step that it was stopped in
    assert trained.progress_done == trained.progress_total == 2 * EPOCHS
    assert trained.result["result"]["steps"] >= 2 * EPOCHS  # an epoch that was cut short is begun again
    assert [epoch["epoch"] for epoch in trained.result["epochs"]] == list(range(1, EPOCHS + 1))

    version, _ = export(job.pk, label="tiny 2", by="eve")
    finished(work())
    version.refresh_from_db()
    assert (version.state, version.is_test, version.parent) == ("ready", True, tiny)
    assert version.files["model.pth"] != tiny.files["model.pth"]
    with pytest.raises(ValidationError, match="Nobody has accepted the licence"):
        rollout_begin(version.pk, by="eve")
    licence_accept(version.pk, statement="Random weights that nobody hears.", by="eve")

    bob = voices[1].clips.get(position=1)
    clip = store.absolute(bob.rel_path)
    sound = clip.read_bytes()
    clip.write_bytes(sound[:-100])  # no longer what was inspected
    rollout = rollout_begin(version.pk, by="eve")
    work()
    rollout.refresh_from_db()
    items = {item.voice.name: (item.state, item.message) for item in rollout.items.all()}
    assert {name: state for name, (state, _) in items.items()} == {
        "Ada": "verified",
        "Bob": "failed",
        "Cora": "verified",
    }
    assert items["Bob"][1]
    with pytest.raises(ValidationError, match="Not every voice is verified"):
        rollout_switch(rollout.pk, by="eve")
    assert (served(), channel().active) == (before, tiny)

    clip.write_bytes(sound)
    rollout_build(rollout.pk, by="eve")
    rebuilt = finished(work())
    assert [item.voice.name for item in rebuilt.items.all()] == ["Bob"]  # what is verified is not built again
    assert served() == before
    rollout_switch(rollout.pk, by="eve")
    after = served()
    assert {label for label, _ in after.values()} == {"tiny 2"}
    assert set(after.values()).isdisjoint(before.values())
    rollout_back(rollout.pk, reason="only trying", by="eve")
    assert served() == before
    assert Rollout.objects.get(pk=rollout.pk).state == "rolled_back"
    assert work_next() is None
