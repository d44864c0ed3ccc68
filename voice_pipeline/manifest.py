"""Training data: JSON Lines that name recordings and what is said in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from voice_pipeline import stopping
from voice_pipeline.adapters.base import TrainingClip
from voice_pipeline.audio.decode import decode
from voice_pipeline.audio.prepare import write_wav
from voice_pipeline.contract import Refused, SpecError
from voice_pipeline.files import read_regular
from voice_pipeline.reporting import Report
from voice_pipeline.roots import inside
from voice_pipeline.spec import Digest, Language, Name, Text
from voice_pipeline.strict import Strict

LARGEST = 16 * 1024**2
MOST_LINES = 20_000
FEWEST_LEARNED = 2
SHOWN_PROBLEMS = 50


class Line(Strict):
    audio_file: Annotated[str, Field(min_length=1, max_length=4_096)]
    text: Text
    speaker_name: Name = "voice"
    language: Language = "en"
    eval: bool = False
    sha256: Digest | None = None


@dataclass(frozen=True)
class Row:
    """A line whose recording lies where it may."""

    line: Line
    path: Path


def read(path: Path) -> list[Row]:
    """The lines in order. Raises SpecError for a recording outside VOICE_ROOTS, Refused for all else."""
    content = read_regular(path, LARGEST)
    try:
        texts = [text for text in content.decode().splitlines() if text.strip()]
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name} is no UTF-8 text", code="manifest") from error
    if not 0 < len(texts) <= MOST_LINES:
        raise Refused(f"{path.name} has {len(texts)} lines; 1 to {MOST_LINES} are accepted", code="manifest")
    rows, problems, outside = [], [], []
    for number, text in enumerate(texts, 1):
        try:
            line = Line.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in fault["loc"])
            problems.append(f"line {number}: {place + ': ' if place else ''}{fault['msg']}")
            continue
        try:
            rows.append(Row(line, inside(path.parent / line.audio_file)))
        except ValueError as error:
            outside.append(f"line {number}: {error}")
    if outside:
        raise SpecError(f"manifest_path: {outside[0]}", problems=outside[:SHOWN_PROBLEMS])
    _refuse(problems, path.name)
    learned = sum(not row.line.eval for row in rows)
    if len(rows) == learned:
        learned -= 1  # the last one is held out
    if learned < FEWEST_LEARNED:
        needed = f"at least {FEWEST_LEARNED} clips to learn from, beside those held out"
        raise Refused(f"{path.name} needs {needed}; it has {max(learned, 0)}", code="manifest")
    return rows


def prepare(rows: Sequence[Row], folder: Path, rate: int, report: Report) -> list[TrainingClip]:
    """Decode and rewrite every recording before the first step; all that are refused are named at once.

    Training code skips a clip that it cannot read without a word, or draws others until it breaks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    none_marked = not any(row.line.eval for row in rows)
    clips, problems = [], []
    for number, row in enumerate(rows, 1):
        stopping.check()
        target = folder / f"{number:05d}.wav"
        try:
            sound = decode(row.path, row.line.sha256)
        except Refused as error:
            problems.append(f"line {number} ({row.path.name}): {error}")
        else:
            write_wav(target, sound, rate)
            held_out = row.line.eval or (none_marked and number == len(rows))
            clips.append(
                TrainingClip(
                    path=target,
                    text=row.line.text,
                    speaker=row.line.speaker_name,
                    language=row.line.language,
                    held_out=held_out,
                    seconds=sound.seconds,
                )
            )
        report.progress("check", number, len(rows))
    _refuse(problems, "the manifest")
    return clips


def _refuse(problems: list[str], name: str) -> None:
    if problems:
        more = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise Refused(f"{name}: {problems[0]}{more}", code="manifest", problems=problems[:SHOWN_PROBLEMS])
