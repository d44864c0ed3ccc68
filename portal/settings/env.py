"""The process environment and the installation's home directory."""

import secrets
from pathlib import Path

from environs import Env

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = Env()

# Everything an installation keeps on disk (embedded database, broker files, secrets, backups).
HOME = Path(env.str("PURSER_HOME", str(BASE_DIR / "var"))).expanduser().resolve()


def secret(name: str) -> str:
    """The secret kept in `HOME/secrets/<name>`, made on first use and readable by its owner only."""
    path = HOME / "secrets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        value = secrets.token_urlsafe(48)
        try:
            with path.open("x") as file:
                path.chmod(0o600)
                file.write(value)
        except FileExistsError:  # another process made it a moment ago
            pass
    return path.read_text().strip()
