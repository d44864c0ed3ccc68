"""The engines by name. An engine's own code is imported only when it is wanted."""

from importlib import import_module
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel

from voice_pipeline.adapters.base import Engine
from voice_pipeline.adapters.light import options as light
from voice_pipeline.adapters.xtts import options as xtts
from voice_pipeline.strict import Strict

Kind = Literal["light", "xtts"]


class NoOptions(Strict):
    """For what has none."""


_OPTIONS: dict[Kind, dict[str, type[BaseModel]]] = {"light": light.OPTIONS, "xtts": xtts.OPTIONS}


def options_of(kind: Kind, operation: str) -> type[BaseModel]:
    """The model of the options that an engine takes for an operation."""
    return _OPTIONS[kind].get(operation, NoOptions)


def load(kind: Kind, folder: Path | None) -> Engine:
    """Raises EngineUnavailable with what is missing."""
    return cast(Engine, import_module(f"voice_pipeline.adapters.{kind}.engine").load(folder))
