"""The light engine's side of the interface."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from pydantic import BaseModel

from voice_pipeline import conditionings, stopping
from voice_pipeline.adapters.base import Description, TrainingClip, Verdict
from voice_pipeline.adapters.light import model as models
from voice_pipeline.adapters.light import speech, training
from voice_pipeline.adapters.light.options import SampleOptions, TrainOptions
from voice_pipeline.audio.decode import decode
from voice_pipeline.audio.fingerprint import DIMENSIONS, fingerprint, likeness
from voice_pipeline.contract import Refused
from voice_pipeline.files import whole
from voice_pipeline.reporting import Report

KIND = "light"
RATE = 22_050
SHORTEST_SECONDS = 0.5  # a shorter clip has no fingerprint worth learning from

Prints = npt.NDArray[np.float32]


def load(folder: Path | None) -> "LightEngine":
    """The version in a folder, or the built-in one. Raises EngineUnavailable."""
    return LightEngine(None, "built-in") if folder is None else LightEngine(*models.read(folder))


class LightEngine:
    rate = RATE

    def __init__(self, model: models.Model | None, version: str) -> None:
        self._model = model
        self._version = version

    def describe(self) -> Description:
        return Description(
            kind=KIND,
            is_test=True,
            version=self._version,
            trains=True,
            speaks=True,
            calibrated=False,
            rate=RATE,
            languages=["en"],
            device="cpu",
            own={"dimensions": self._width},
        )

    def condition(self, clips: Sequence[Path], out: Path, options: BaseModel, tier: str | None) -> dict[str, list[int]]:
        stack = self._seen(clips)
        if not np.isfinite(stack).all():
            raise Refused("the conditioning came out with numbers that are none")
        tensors = {"stack": stack, "mean": stack.mean(axis=0)}
        conditionings.write(out, tensors, kind=KIND, version=self._version, tier=tier, options=options)
        return {name: list(tensor.shape) for name, tensor in tensors.items()}

    def verify(self, conditioning: Path, clips: Sequence[Path]) -> Verdict:
        tensors = conditionings.read(conditioning, KIND, self._version)
        fits = {"stack": (None, self._width), "mean": (self._width,)}
        shape = conditionings.misfit(tensors, fits)
        if shape:
            return Verdict(finite=conditionings.finite(tensors), shape=shape, scores=[])
        scores = [likeness(row, tensors["mean"]) for row in self._seen(clips)]
        return Verdict(finite=conditionings.finite(tensors), shape="", scores=scores)

    def sample(self, conditioning: Path, text: str, language: str, out: Path, options: BaseModel) -> None:
        assert isinstance(options, SampleOptions)  # noqa: S101 - the spec was parsed with this model
        tensors = conditionings.read(conditioning, KIND, self._version)
        if problem := conditionings.misfit(tensors, {"mean": (self._width,)}):
            raise Refused(f"the conditioning cannot be used: {problem}")
        speaker = speech.speaker_of(tensors["mean"])
        with whole(out) as part:
            sound = speech.speak(text, speaker, RATE, speed=options.speed, seed=options.seed)
            soundfile.write(part, sound, RATE, subtype="PCM_16", format="WAV")

    def unfit(self, clips: Sequence[TrainingClip]) -> list[str]:
        return [
            f"line {number}: {clip.seconds:g} s; at least {SHORTEST_SECONDS:g} s are needed"
            for number, clip in enumerate(clips, 1)
            if clip.seconds < SHORTEST_SECONDS
        ]

    def train(
        self, clips: Sequence[TrainingClip], work: Path, options: BaseModel, resume: Path | None, report: Report
    ) -> dict[str, Any]:
        assert isinstance(options, TrainOptions)  # noqa: S101 - the spec was parsed with this model
        return training.train(self._model, clips, work, options, resume, report)

    def export(self, run: Path, out: Path) -> None:
        models.write(training.best(run), out)

    @property
    def _width(self) -> int:
        return DIMENSIONS if self._model is None else models.WIDTH

    def _seen(self, clips: Sequence[Path]) -> Prints:
        prints = []
        for path in clips:
            stopping.check()
            clip = decode(path)
            prints.append(fingerprint(clip.samples, clip.rate))
        stack = np.stack(prints)
        return stack if self._model is None else self._model.seen(stack)
