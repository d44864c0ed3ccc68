"""Versions of the engine: registered, licensed, trained, exported, withdrawn; and the data they are trained on."""

import json
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from billing.voices import store
from billing.voices.building import voice_build
from billing.voices.engines.datasets import Training, dataset_check, datasets, estimate
from billing.voices.engines.services import (
    disk_needed,
    export,
    folders,
    licence_accept,
    light_register,
    train,
    version_register,
    version_withdraw,
)
from billing.voices.jobs.services import job_resume
from billing.voices.models import EngineVersion, VoiceJob
from billing.voices.rollouts.steps import rollout_begin
from billing.voices.tests.conftest import Plan, draft, engine, finished, promote, work
from billing.voices.tests.test_jobs import dataset

pytestmark = pytest.mark.django_db
OPTIONS = Training(epochs=2, batch_size=2)


def files(root: Path, name: str, text: str = "weights") -> Path:
    folder = root / "engines" / name
    folder.mkdir(parents=True)
    (folder / "model.pth").write_text(text)
    (folder / "config.json").write_text("{}")
    return folder


def test_files_are_hashed_and_made_read_only(store_root: Path) -> None:
    folder = files(store_root, "v2")
    assert folders() == ["v2"]
    version = version_register(family="xtts", label="v2", folder="v2", licence="CPML 1.0.0", is_test=False, by="eve")
    assert sorted(version.files) == ["config.json", "model.pth"]
    assert version.state == "ready"
    assert (folder.stat().st_mode & 0o777, (folder / "model.pth").stat().st_mode & 0o777) == (0o500, 0o400)
    assert folders() == []
    assert disk_needed(version) == 9 * (len("weights") + 2)


@pytest.mark.parametrize("folder", ["../engines", "nothing", "/etc", "", ".", "a/b", "empty", "link", "linked"])
def test_only_a_folder_of_plain_files_below_engines(store_root: Path, tmp_path: Path, folder: str) -> None:
    (store_root / "engines" / "empty").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.pth").write_text("x")
    (store_root / "engines" / "link").symlink_to(tmp_path / "out")
    (store_root / "engines" / "linked").mkdir()
    (store_root / "engines" / "linked" / "model.pth").symlink_to("/etc/hostname")
    with pytest.raises(ValidationError):
        version_register(family="xtts", label="v2", folder=folder, licence="CPML", is_test=False, by="eve")
    assert not EngineVersion.objects.exists()


def test_a_licence_is_accepted_once_with_a_reason(store_root: Path) -> None:
    version = light_register(by="eve")
    with pytest.raises(ValidationError, match="Say why"):
        licence_accept(version.pk, statement=" ", by="eve")
    licence_accept(version.pk, statement="It is ours.", by="eve")
    with pytest.raises(ValidationError, match="eve accepted it already"):
        licence_accept(version.pk, statement="Mine.", by="bob")
    with pytest.raises(ValidationError, match="of this name already"):
        light_register(by="eve")


def test_a_test_engine_that_was_registered_as_a_real_one_is_found_out(
    priced: None, store_root: Path, plan: Plan
) -> None:
    voice = draft()
    files(store_root, "v2")
    version = version_register(family="xtts", label="v2", folder="v2", licence="CPML", is_test=False, by="eve")
    licence_accept(version.pk, statement="x", by="eve")
    promote(version)
    voice_build(voice.pk, by="eve")
    job = work()
    assert job.state == "failed"
    assert "it is a test engine" in job.error
    plan(is_test=False)
    job_resume(job.pk, by="eve")
    finished(work())


def test_training_becomes_a_version_with_the_licence_of_its_parent(store_root: Path, plan: Plan) -> None:
    parent = engine("base")
    job = train(parent.pk, dataset=dataset(), options=OPTIONS, by="eve")
    finished(work())
    job.refresh_from_db()
    assert (store_root / job.resume_dir).is_dir()
    with pytest.raises(ValidationError, match="dots and dashes"):
        export(job.pk, label="../x", by="eve")
    version, exporting = export(job.pk, label="fine 1", by="eve")
    assert (version.state, version.is_test, version.licence) == ("draft", True, "CPML 1.0.0")
    finished(work())
    version.refresh_from_db()
    exporting.refresh_from_db()
    assert version.state == "ready"
    assert version.metrics == {"steps": 10, "epochs": 2, "train_loss": 0.5, "eval_loss": 0.6}
    assert list(version.files) == ["model.safetensors"]
    assert store.absolute(version.rel_dir).stat().st_mode & 0o777 == 0o500
    assert not version.licence_accepted  # somebody answers for each version
    job.refresh_from_db()
    assert (job.resume_dir, job.work_removed_at is not None) == ("", True)
    assert not (store_root / "jobs" / job.public_id / "work").exists()
    with pytest.raises(ValidationError, match="left no checkpoint"):
        export(job.pk, label="fine 2", by="eve")


def test_an_export_that_leaves_other_files_is_not_believed_and_tried_again(store_root: Path, plan: Plan) -> None:
    job = train(engine("base").pk, dataset=dataset(), options=OPTIONS, by="eve")
    finished(work())
    plan(lie="another file")
    version, exporting = export(job.pk, label="fine", by="eve")
    assert "not those that it says" in work().error
    version.refresh_from_db()
    assert version.state == "draft"
    plan()
    job_resume(exporting.pk, by="eve")
    finished(work())
    version.refresh_from_db()
    assert version.state == "ready"


def test_a_version_that_is_used_is_not_withdrawn(active: EngineVersion) -> None:
    with pytest.raises(ValidationError, match="It serves"):
        version_withdraw(active.pk, reason="x", by="eve")
    other = engine("other")
    version_withdraw(other.pk, reason="hums", by="eve")
    with pytest.raises(ValidationError, match="is not ready"):
        rollout_begin(other.pk, by="eve")
    with pytest.raises(ValidationError, match="withdrawn already"):
        version_withdraw(other.pk, reason="x", by="eve")


def test_there_must_be_room_for_checkpoints(store_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = engine("base")
    monkeypatch.setattr(store, "free_bytes", lambda: 5)
    with pytest.raises(ValidationError, match="are free where voices are kept"):
        train(version.pk, dataset=dataset(), options=OPTIONS, by="eve")
    assert not VoiceJob.objects.exists()


def test_a_manifest_is_looked_at_before_a_worker_takes_it(store_root: Path, tmp_path: Path) -> None:
    name = dataset()
    assert datasets() == [name]
    found = dataset_check(name)
    assert (found.clips, found.held_out, found.problems) == (3, 1, ())
    (tmp_path / "secret.wav").write_text("x")
    (store_root / "datasets" / name / "link.wav").symlink_to(tmp_path / "secret.wav")
    lines = [
        {"audio_file": "0.wav", "text": "good"},
        {"audio_file": "missing.wav", "text": "x"},
        {"audio_file": "/etc/hostname", "text": "x"},
        {"audio_file": "../../../secret.wav", "text": "x"},
        {"audio_file": "link.wav", "text": "x"},
        {"audio_file": "1.wav"},
        {"audio_file": "1.wav", "text": "x", "shell": "rm"},
        [],
    ]
    manifest = store_root / "datasets" / name / "manifest.jsonl"
    manifest.write_text("\n".join([*map(json.dumps, lines), "{", "\xff"]))
    problems = dataset_check(name).problems
    assert [problem.partition(":")[0] for problem in problems] == [f"Line {number}" for number in range(2, 11)]
    assert sum("outside the voice store" in problem for problem in problems) == 3
    with pytest.raises(ValidationError):
        train(engine("base").pk, dataset=name, options=OPTIONS, by="eve")
    for bad in ("../datasets", "nothing", "", "a/b"):
        assert dataset_check(bad).problems


def test_an_estimate_goes_by_earlier_trainings(store_root: Path) -> None:
    version, found = engine("base"), dataset_check(dataset())
    first = estimate(version, found, OPTIONS, disk=7)
    assert (first.steps, first.seconds, first.disk) == (4, None, 7)
    train(version.pk, dataset="set", options=OPTIONS, by="eve")
    finished(work())
    later = estimate(version, found, OPTIONS, disk=7)
    assert later.seconds is not None
    assert 0 < later.seconds < 60


@pytest.mark.parametrize("options", [Training(epochs=0, batch_size=1), Training(epochs=1, batch_size=1_000)])
def test_options_have_bounds(store_root: Path, options: Training) -> None:
    with pytest.raises(ValidationError, match="Epochs go from 1"):
        train(engine("base").pk, dataset=dataset(), options=options, by="eve")
