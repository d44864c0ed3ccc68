"""Files that hold what an engine knows of one voice: safetensors, which cannot carry code."""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from voice_pipeline.contract import Refused
from voice_pipeline.files import whole

Tensors = dict[str, Any]  # numpy arrays


def write(path: Path, tensors: Tensors, *, kind: str, version: str, tier: str | None, options: BaseModel) -> None:
    about = {"kind": kind, "version": version, "tier": tier or "", "options": options.model_dump_json()}
    with whole(path) as part:
        save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, part, metadata=about)


def read(path: Path, kind: str, version: str) -> Tensors:
    """Raises Refused for what is no conditioning of this engine version."""
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dictionary
    except (OSError, SafetensorError) as error:
        raise Refused(f"{path.name} is no conditioning: {error}", code="conditioning") from error
    made_by = (about.get("kind", "?"), about.get("version", "?"))
    if made_by != (kind, version):
        told = f"by {made_by[0]} {made_by[1][:12]}, not {kind} {version[:12]}"
        raise Refused(f"{path.name} was made by another engine version ({told}): rebuild it", code="other_version")
    return tensors


def finite(tensors: Tensors) -> bool:
    return all(bool(np.isfinite(tensor).all()) for tensor in tensors.values())


def misfit(tensors: Tensors, shapes: dict[str, tuple[int | None, ...]]) -> str:
    """Empty, or which tensor has not the shape that is needed; None stands for any length."""
    for name, shape in shapes.items():
        if name not in tensors:
            return f"{name} is missing"
        found = tensors[name].shape
        if len(found) != len(shape) or any(want not in (None, have) for want, have in zip(shape, found, strict=True)):
            return f"{name} has the shape {list(found)}"
    return ""
