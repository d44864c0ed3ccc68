"""Training an engine version, and exporting what came of it as a version of its own."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from billing.voices import store
from billing.voices.errors import BadResult, OutsideStore
from billing.voices.jobs.facts import check_engine, engine_spec, version_of
from billing.voices.jobs.kinds import Kind
from billing.voices.models import EngineVersion, VoiceJob
from billing.voices.runner import Event

FIGURES = ("steps", "epochs", "train_loss", "eval_loss")


class Train(Kind):
    operation = "train"

    def spec(self, job: VoiceJob, work: Path) -> dict[str, Any]:
        found: dict[str, Any] = {
            "engine": engine_spec(version_of(job)),
            "manifest_path": str(store.absolute(job.spec["manifest"])),
            "options": job.spec["options"],
        }
        if job.resume_dir:
            found["resume_dir"] = str(store.absolute(job.resume_dir))
        return found

    def heard(self, job: VoiceJob, event: Event, work: Path) -> None:
        if event.type == "engine":
            check_engine(version_of(job), event.data)
            if event.data.get("trains") is not True:
                raise BadResult("this engine cannot be trained")
        elif event.type == "run" or (event.type == "result" and event.data.get("resume_dir")):
            job.resume_dir = _below(event.data.get("resume_dir"), work)
        elif event.type == "epoch":
            said = {name: event.data.get(name) for name in ("epoch", "of", "train_loss", "eval_loss")}
            # What goes on from an older checkpoint tells of an epoch again.
            others = [epoch for epoch in job.result.get("epochs", []) if epoch["epoch"] != said["epoch"]]
            job.result["epochs"] = [*others, said][-1_000:]

    def done(self, job: VoiceJob, result: dict[str, Any], work: Path) -> None:
        job.resume_dir = _below(result.get("resume_dir"), work)

    def resumed(self, job: VoiceJob) -> None:
        """Without a checkpoint it begins anew, in the same folder."""
        if job.resume_dir and not store.absolute(job.resume_dir).is_dir():
            job.resume_dir = ""
            job.save(update_fields=["resume_dir"])


def _below(path: object, work: Path) -> str:
    try:
        found = store.absolute(store.relative(str(path)))
    except OutsideStore:
        raise BadResult("its run lies outside the store") from None
    if not found.is_relative_to(work.resolve()):
        raise BadResult("its run lies outside its own folder")
    return store.relative(found)


class Export(Kind):
    operation = "export"

    def spec(self, job: VoiceJob, work: Path) -> dict[str, Any]:
        version = version_of(job)
        if version.parent is None or version.trained_by is None:
            raise ValidationError("Only what was trained can be exported.")
        out = store.absolute(f"engines/{version.public_id}")
        store.forget(store.relative(out))  # what an attempt before left unfinished
        store.own_folder("engines")
        return {
            "engine": engine_spec(version.parent),
            "run_dir": str(store.absolute(version.trained_by.resume_dir)),
            "out_dir": str(out),
        }

    def done(self, job: VoiceJob, result: dict[str, Any], work: Path) -> None:
        version = EngineVersion.objects.select_for_update(of=("self",)).get(pk=version_of(job).pk)
        training = version.trained_by
        if training is None:
            raise BadResult("nothing was trained")
        folder, describe = store.absolute(f"engines/{version.public_id}"), result.get("describe")
        if not folder.is_dir() or not isinstance(describe, dict):
            raise BadResult("it exported nothing, or does not say what")
        files = store.digests(folder)
        if not files or files != result.get("files"):
            raise BadResult("the files are not those that it says it wrote")
        check_engine(version, describe)
        store.make_read_only(folder)
        version.rel_dir, version.files, version.params = store.relative(folder), files, describe
        found = training.result.get("result")
        version.metrics = {name: found.get(name) for name in FIGURES} if isinstance(found, dict) else {}
        version.state = EngineVersion.State.READY
        version.save(update_fields=["rel_dir", "files", "params", "metrics", "state"])

    def ended(self, job: VoiceJob) -> None:
        """The checkpoints are several times as large as the version, and nothing needs them any more."""
        version = job.engine_version
        if job.state == VoiceJob.State.DONE and version is not None and version.trained_by is not None:
            training = version.trained_by
            store.forget(f"jobs/{training.public_id}/work")
            VoiceJob.objects.filter(pk=training.pk).update(resume_dir="", work_removed_at=job.finished_at)

    def resumed(self, job: VoiceJob) -> None:
        version = version_of(job)
        if version.state != EngineVersion.State.DRAFT:
            raise ValidationError("The version is not waiting to be exported.")
