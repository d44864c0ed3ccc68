"""What an engine does. Paths and numbers only: no portal, no database, no network."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from voice_pipeline.reporting import Report


@dataclass(frozen=True)
class Description:
    """The `engine` line; `own` are facts of one kind of engine."""

    kind: str
    is_test: bool  # what it speaks is no voice
    version: str  # hash of its files, or "built-in"
    trains: bool
    speaks: bool
    calibrated: bool  # likeness scores may be held against a bar
    rate: int  # Hz of what it speaks
    languages: list[str]
    device: str
    own: dict[str, Any]

    def facts(self) -> dict[str, Any]:
        facts = asdict(self)
        own: dict[str, Any] = facts.pop("own")
        return facts | own


@dataclass(frozen=True)
class Verdict:
    """What the engine finds when it holds a conditioning against clips."""

    finite: bool
    shape: str  # empty, or what does not fit
    scores: list[float]  # likeness of each clip, -1 to 1


@dataclass(frozen=True)
class TrainingClip:
    """One checked line of a manifest; the file is ours, at the engine's rate."""

    path: Path
    text: str
    speaker: str
    language: str
    held_out: bool
    seconds: float


class Engine(Protocol):
    """One engine version. Calls raise Refused, EngineUnavailable, or Cancelled between their steps."""

    @property
    def rate(self) -> int:
        """Hz of the clips that it takes."""
        ...

    def describe(self) -> Description: ...
    def condition(self, clips: Sequence[Path], out: Path, options: BaseModel, tier: str | None) -> dict[str, list[int]]:
        """Write a conditioning; the shapes of what is in it."""
        ...

    def verify(self, conditioning: Path, clips: Sequence[Path]) -> Verdict: ...
    def sample(self, conditioning: Path, text: str, language: str, out: Path, options: BaseModel) -> None:
        """Speak the text into a WAV file."""
        ...

    def unfit(self, clips: Sequence[TrainingClip]) -> list[str]:
        """What keeps clips from training this engine, one text each."""
        ...

    def train(
        self, clips: Sequence[TrainingClip], work: Path, options: BaseModel, resume: Path | None, report: Report
    ) -> dict[str, Any]:
        """Train in a folder below `work`; `resume_dir`, `steps`, `epochs`, `train_loss`, `eval_loss`."""
        ...

    def export(self, run: Path, out: Path) -> None:
        """Write the files of a new version into the empty folder `out`."""
        ...
