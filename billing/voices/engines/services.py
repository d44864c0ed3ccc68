"""Engine versions: registered from files or built in, trained and exported, licensed, withdrawn."""

import re
from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from billing.credits import clock
from billing.foundation.audit.services import record
from billing.voices import store
from billing.voices.engines.datasets import Training, dataset_check
from billing.voices.errors import BadResult, OutsideStore
from billing.voices.jobs.services import Actor, job_ask, name_of
from billing.voices.models import EngineVersion, Rollout, VoiceJob
from billing.voices.models.rollouts import OPEN as ROLLING
from billing.voices.serving import channel_locked

State, Family = EngineVersion.State, EngineVersion.Family
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,59}")
FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
LIGHT_LABEL, LIGHT_LICENCE = "built-in", "Apache-2.0 (part of Purser)"
# As the pipeline asks for before its first step: a checkpoint has the weights and two moments of the optimiser, and
# three of them are there at once.
TIMES_ITS_SIZE = 9


def light_register(*, by: Actor, request: HttpRequest | None = None) -> EngineVersion:
    """The engine that comes with the pipeline: it measures and conditions for real, and speaks no words. Raises
    ValidationError when it is registered already.
    """
    return _register(
        by,
        request,
        family=Family.LIGHT,
        label=LIGHT_LABEL,
        licence=LIGHT_LICENCE,
        is_test=True,
        state=State.READY,
    )


def folders() -> list[str]:
    """Folders below VOICE_ROOT/engines that hold no version yet."""
    place = store.absolute("engines")
    if not place.is_dir():
        return []
    known = set(EngineVersion.objects.exclude(rel_dir="").values_list("rel_dir", flat=True))
    made = set(EngineVersion.objects.values_list("public_id", flat=True))
    found = sorted(path.name for path in place.iterdir() if path.is_dir() and FOLDER.fullmatch(path.name))
    return [name for name in found if f"engines/{name}" not in known and name not in made]


def version_register(
    *, family: str, label: str, folder: str, licence: str, is_test: bool, by: Actor, request: HttpRequest | None = None
) -> EngineVersion:
    """A version from files that the operator put into VOICE_ROOT/engines/<folder>. They are hashed and made read-only:
    a version never changes. Raises ValidationError.
    """
    if not FOLDER.fullmatch(folder):
        raise ValidationError({"folder": "Name a folder below engines, without slashes."})
    try:
        place = store.absolute(f"engines/{folder}")
        if not place.is_dir():
            raise ValidationError({"folder": "There is no such folder in engines."})
        files = store.digests(place)
    except (OutsideStore, BadResult) as error:
        raise ValidationError({"folder": f"It cannot be used: {error}."}) from None
    if not files:
        raise ValidationError({"folder": "The folder is empty."})
    store.make_read_only(place)
    return _register(
        by,
        request,
        family=family,
        label=_label(label),
        licence=_licence(licence),
        is_test=is_test,
        state=State.READY,
        rel_dir=f"engines/{folder}",
        files=files,
    )


def licence_accept(version_id: int, *, statement: str, by: Actor, request: HttpRequest | None = None) -> EngineVersion:
    """Somebody answers for that the version may be used as it will be, once and for good. Raises ValidationError."""
    said = statement.strip()[:500]
    if not said:
        raise ValidationError("Say why the licence allows what you do with it.")
    with transaction.atomic():
        version = _locked(version_id)
        if version.licence_accepted:
            raise ValidationError(f"{version.licence_accepted_by} accepted it already.")
        if version.state == State.BROKEN:
            raise ValidationError("The version is withdrawn.")
        version.licence_accepted_by, version.licence_accepted_at = name_of(by), clock.now()
        version.licence_statement = said
        version.save(update_fields=["licence_accepted_by", "licence_accepted_at", "licence_statement"])
        record(
            action="voice.engine.licence_accepted",
            actor=by,
            target=str(version),
            after={"licence": version.licence, "test engine": version.is_test},
            reason=said,
            request=request,
        )
    return version


def version_withdraw(version_id: int, *, reason: str, by: Actor, request: HttpRequest | None = None) -> EngineVersion:
    """Nobody can promote it any more. Raises ValidationError while it serves or is being rolled out."""
    with transaction.atomic():
        channel = channel_locked()
        version = _locked(version_id)
        if version.state == State.BROKEN:
            raise ValidationError("It is withdrawn already.")
        if channel.active_id == version.pk:
            raise ValidationError("It serves: promote another version, or roll back, first.")
        if Rollout.objects.filter(version=version, state__in=ROLLING).exists():
            raise ValidationError("It is being rolled out: abort that first.")
        if version.jobs.filter(state__in=("queued", "running", "cancelling")).exists():
            raise ValidationError("A job works with it. Wait for it, or cancel it.")
        version.state, version.reason = State.BROKEN, reason.strip()[:300] or "withdrawn by staff"
        version.save(update_fields=["state", "reason"])
        record(action="voice.engine.withdrawn", actor=by, target=str(version), reason=version.reason, request=request)
    return version


def train(
    version_id: int, *, dataset: str, options: Training, by: Actor, request: HttpRequest | None = None
) -> VoiceJob:
    """Train on from a version. Raises ValidationError where the data set, or the room on the disk, does not do."""
    found = dataset_check(dataset)
    if found.problems:
        raise ValidationError(list(found.problems[:10]))
    with transaction.atomic():
        version = _locked(version_id)
        if version.state != State.READY:
            raise ValidationError(f"{version} is not ready.")
        need = disk_needed(version)
        if store.free_bytes() < need:
            raise ValidationError(
                f"Training needs up to {need / 1e9:,.1f} GB for its checkpoints, and {store.free_bytes() / 1e9:,.1f} GB"
                " are free where voices are kept."
            )
        return job_ask(
            kind=VoiceJob.Kind.TRAIN,
            engine_version=version,
            spec={"manifest": found.manifest, "dataset": dataset, "clips": found.clips, "options": options.spec()},
            by=by,
            request=request,
        )


def disk_needed(version: EngineVersion) -> int:
    """Bytes that training may need at its peak."""
    folder = store.absolute(version.rel_dir) if version.rel_dir else None
    return TIMES_ITS_SIZE * store.size_of(folder) if folder and Path(folder).is_dir() else 0


def export(
    training_id: int, *, label: str, by: Actor, request: HttpRequest | None = None
) -> tuple[EngineVersion, VoiceJob]:
    """Make a version of what was trained, with the licence of what it was trained from. Raises ValidationError."""
    label = _label(label)
    with transaction.atomic():
        training = VoiceJob.objects.select_for_update(of=("self",)).get(pk=training_id)
        parent = training.engine_version
        if training.kind != VoiceJob.Kind.TRAIN or training.state not in ("done", "cancelled") or parent is None:
            raise ValidationError("Only a training that has ended, or was cancelled, can be exported.")
        if not training.resume_dir:
            raise ValidationError("It left no checkpoint.")
        if EngineVersion.objects.filter(trained_by=training).exists():
            raise ValidationError("It was exported already.")
        version = _create(
            by,
            request,
            family=parent.family,
            label=label,
            licence=parent.licence,
            is_test=parent.is_test,
            parent=parent,
            trained_by=training,
        )
        job = job_ask(kind=VoiceJob.Kind.EXPORT, engine_version=version, by=by, request=request)
    return version, job


def _register(by: Actor, request: HttpRequest | None, **fields: object) -> EngineVersion:
    with transaction.atomic():
        return _create(by, request, **fields)


def _create(by: Actor, request: HttpRequest | None, **fields: object) -> EngineVersion:
    try:
        with transaction.atomic():
            version = EngineVersion.objects.create(created_by=name_of(by), **fields)
    except IntegrityError as error:
        if "engine_version_label_once" not in str(error):
            raise
        raise ValidationError({"label": "There is a version of this name already."}) from None
    record(
        action="voice.engine.registered",
        actor=by,
        target=str(version),
        after={"licence": version.licence, "files": version.files, "parent": version.parent and str(version.parent)},
        request=request,
    )
    return version


def _locked(version_id: int) -> EngineVersion:
    return EngineVersion.objects.select_for_update(of=("self",)).get(pk=version_id)


def _label(text: str) -> str:
    text = " ".join(text.split())
    if not LABEL.fullmatch(text):
        raise ValidationError({"label": "A name of up to 60 letters, digits, blanks, dots and dashes is needed."})
    return text


def _licence(text: str) -> str:
    text = " ".join(text.split())[:200]
    if not text:
        raise ValidationError({"licence": "Say under which licence the files are, such as CPML 1.0.0."})
    return text
