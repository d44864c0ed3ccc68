"""The folders that paths must lie in."""

import os
from pathlib import Path


def roots() -> list[Path]:
    """The folders of VOICE_ROOTS. Raises ValueError when there is none: without a fence nothing is opened."""
    given = [Path(name) for name in os.environ.get("VOICE_ROOTS", "").split(":") if name]
    if not given:
        raise ValueError("VOICE_ROOTS names no folder; set it to the folders that the program may use")
    if relative := [str(path) for path in given if not path.is_absolute()]:
        raise ValueError(f"VOICE_ROOTS must hold absolute paths, not {relative[0]}")
    return [path.resolve() for path in given]


def inside(path: Path) -> Path:
    """The path without symbolic links and `..`; raises ValueError when it then lies outside VOICE_ROOTS."""
    if not path.is_absolute():
        raise ValueError(f"{path} must be an absolute path")
    try:
        real = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a ring of links, a name too long, a zero byte
        raise ValueError(f"{path} is no usable path") from error
    if not any(real.is_relative_to(root) for root in roots()):
        raise ValueError(f"{path} lies outside VOICE_ROOTS")
    return real
