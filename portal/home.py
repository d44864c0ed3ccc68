"""Where an installation keeps its files. Knows neither Django nor the settings: the checks before the start need it."""

import contextlib
import os
import secrets
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


def kept_secret(home: Path, name: str) -> str:
    """The secret kept in `home/secrets/<name>`, made on first use and readable by its owner only."""
    path = secret_file(home, name)
    if not path.exists():
        draft = own_directory(path.parent) / f".{name}.{secrets.token_hex(8)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):  # another process made it a moment ago
            path.hardlink_to(draft)  # appears whole or not at all
        draft.unlink()
    return path.read_text().strip()


def secret_file(home: Path, name: str) -> Path:
    return home / "secrets" / name
