"""The options of XTTS, and what each tier sets. Imports nothing of the engine."""

from typing import Annotated

from pydantic import BaseModel, Field

from voice_pipeline.strict import Strict

Seconds = Annotated[int, Field(ge=1, le=300)]


class ConditionOptions(Strict):
    """How much of each clip, and of the stack, the model listens to, in seconds."""

    max_ref_length: Seconds = 30
    gpt_cond_len: Seconds = 30
    gpt_cond_chunk_len: Seconds = 6
    sound_norm_refs: bool = False


# What a tier sets unless the order says otherwise.
TIER_OPTIONS: dict[str, dict[str, int]] = {
    "standard": {"gpt_cond_len": 6, "gpt_cond_chunk_len": 6},
    "premium": {"gpt_cond_len": 30, "gpt_cond_chunk_len": 6},
    "ultra": {"gpt_cond_len": 120, "gpt_cond_chunk_len": 6, "max_ref_length": 60},
}


class SampleOptions(Strict):
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    temperature: Annotated[float, Field(gt=0, le=2)] = 0.75
    top_k: Annotated[int, Field(ge=1, le=1_000)] = 50
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.85
    max_seconds: Annotated[float, Field(gt=0, le=60)] = 25.0


class TrainOptions(Strict):
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 10
    batch_size: Annotated[int, Field(ge=1, le=256)] = 2
    lr: Annotated[float, Field(gt=0, le=1)] = 5e-6
    save_step: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    # Samples at 22,050 Hz of the clip that the model is conditioned on while it learns.
    min_conditioning: Annotated[int, Field(ge=11_025)] = 66_150
    max_conditioning: Annotated[int, Field(ge=11_025)] = 132_300


OPTIONS: dict[str, type[BaseModel]] = {
    "condition": ConditionOptions,
    "rebuild": ConditionOptions,
    "sample": SampleOptions,
    "verify": SampleOptions,
    "train": TrainOptions,
}
