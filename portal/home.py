"""Where an installation keeps its files. Knows neither Django nor the settings: the checks before the start need it."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def home() -> Path:
    """`PURSER_HOME` (default `./var`): embedded database, broker files, secrets, static files, backups."""
    return Path(os.environ.get("PURSER_HOME") or BASE_DIR / "var").expanduser().resolve()


def own_directory(path: Path) -> Path:
    """Make a directory that only its owner can read."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path
