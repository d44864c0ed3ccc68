"""The options of the light engine."""

from typing import Annotated

from pydantic import BaseModel, Field

from voice_pipeline.strict import Strict


class SampleOptions(Strict):
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0


class TrainOptions(Strict):
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 20
    batch_size: Annotated[int, Field(ge=1, le=1_024)] = 8
    lr: Annotated[float, Field(gt=0, le=1)] = 0.01
    save_step: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    # The least time of a step, so that a training can be watched.
    step_seconds: Annotated[float, Field(ge=0, le=10)] = 0.0


OPTIONS: dict[str, type[BaseModel]] = {"sample": SampleOptions, "verify": SampleOptions, "train": TrainOptions}
