"""What an engine is trained on: folders below VOICE_ROOT/datasets, looked at before a worker takes them."""

import json
import re
from dataclasses import asdict, dataclass
from math import ceil
from statistics import median
from typing import Any

from django.core.exceptions import ValidationError

from billing.voices import store
from billing.voices.errors import OutsideStore
from billing.voices.models import EngineVersion, VoiceJob

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
MANIFEST = "manifest.jsonl"
MOST_LINES, MOST_BYTES, MOST_PROBLEMS = 100_000, 64 * 1024 * 1024, 50
FIELDS = frozenset({"audio_file", "text", "speaker_name", "language", "eval", "sha256"})


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a person chooses. `epochs` 1 to 1,000, `batch_size` 1 to 256; `seed` makes two runs alike."""

    epochs: int
    batch_size: int
    seed: int = 1

    def spec(self) -> dict[str, int]:
        if not (1 <= self.epochs <= 1_000 and 1 <= self.batch_size <= 256 and 0 <= self.seed < 2**31):
            raise ValidationError("Epochs go from 1 to 1,000, the batch size from 1 to 256.")
        return asdict(self)


@dataclass(frozen=True)
class DataSet:
    """`clips` that train, `held_out` that are only compared with. `bytes` of all of them."""

    name: str
    manifest: str
    clips: int
    held_out: int
    bytes: int
    problems: tuple[str, ...]


def datasets() -> list[str]:
    place = store.absolute("datasets")
    if not place.is_dir():
        return []
    return sorted(path.name for path in place.iterdir() if NAME.fullmatch(path.name) and (path / MANIFEST).is_file())


def dataset_check(name: str) -> DataSet:
    """Whether the manifest can be read and all that it names is there, inside the store. Nothing is decoded: the worker
    does that before its first step, and names every bad clip at once.
    """
    if not NAME.fullmatch(name):
        return _bad(name, "There is no such data set.")
    rel = f"datasets/{name}/{MANIFEST}"
    try:
        path = store.absolute(rel)
    except OutsideStore:
        return _bad(name, "Its manifest lies outside the voice store.")
    if not path.is_file():
        return _bad(name, f"It has no {MANIFEST}.")
    if path.stat().st_size > MOST_BYTES:
        return _bad(name, f"Its manifest is larger than {MOST_BYTES // 2**20} MiB.")
    clips = held_out = size = 0
    problems: list[str] = []
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if number > MOST_LINES or len(problems) >= MOST_PROBLEMS:
                problems.append(f"Line {number}: no more lines were looked at.")
                break
            if not raw.strip():
                continue
            try:
                said = _line(raw)
                clip = store.absolute(store.relative(path.parent / said["audio_file"]))
                size += clip.stat().st_size
            except OutsideStore:
                problems.append(f"Line {number}: its file lies outside the voice store.")
            except OSError:
                problems.append(f"Line {number}: its file is not there.")
            except ValueError as error:
                problems.append(f"Line {number}: {error}.")
            else:
                held_out += said.get("eval") is True
                clips += said.get("eval") is not True
    if not held_out and clips:
        clips, held_out = clips - 1, 1
    if clips < 2 and not problems:
        problems.append("At least two clips are needed to train on, and one to compare with.")
    return DataSet(name, rel, clips, held_out, size, tuple(problems))


@dataclass(frozen=True)
class Estimate:
    """`seconds` None: nothing was trained from this family yet, so nobody knows. `disk` in bytes."""

    steps: int
    seconds: float | None
    disk: int


def estimate(version: EngineVersion, found: DataSet, options: Training, *, disk: int) -> Estimate:
    """How long it may take, by how long a step took in earlier trainings of the family."""
    steps = ceil(max(found.clips, 1) / options.batch_size) * options.epochs
    paces = []
    past = VoiceJob.objects.filter(kind="train", state="done", engine_version__family=version.family).order_by("-pk")
    for job in past[:5]:
        result: Any = job.result.get("result") or {}
        if result.get("steps") and job.started_at and job.finished_at and job.attempt == 1:
            paces.append((job.finished_at - job.started_at).total_seconds() / result["steps"])
    return Estimate(steps, steps * median(paces) if paces else None, disk)


def _line(raw: bytes) -> dict[str, Any]:
    try:
        said = json.loads(raw)
    except ValueError:
        raise ValueError("no JSON") from None
    if not isinstance(said, dict) or not FIELDS.issuperset(said):
        raise ValueError(f"an object with {', '.join(sorted(FIELDS))} is needed, and nothing else")
    for name in ("audio_file", "text"):
        if not isinstance(said.get(name), str) or not said[name].strip() or "\x00" in said[name]:
            raise ValueError(f"{name} is missing or no text")
    return said


def _bad(name: str, problem: str) -> DataSet:
    return DataSet(name, "", 0, 0, 0, (problem,))
