"""The process environment and the installation's home directory."""

import contextlib
import secrets

from environs import Env

from portal.home import BASE_DIR, home, own_directory

__all__ = ["BASE_DIR", "HOME", "env", "own_directory", "secret"]

env = Env()

# Everything an installation keeps on disk (embedded database, broker files, secrets, backups).
HOME = home()


def secret(name: str) -> str:
    """The secret kept in `HOME/secrets/<name>`, made on first use and readable by its owner only."""
    path = HOME / "secrets" / name
    if not path.exists():
        draft = own_directory(path.parent) / f".{name}.{secrets.token_hex(8)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):  # another process made it a moment ago
            path.hardlink_to(draft)  # appears whole or not at all
        draft.unlink()
    return path.read_text().strip()
