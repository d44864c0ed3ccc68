"""Which directories the embedded server of a home uses. Looks, never writes: the settings ask too."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

SOCKET_NAME = ".s.PGSQL.5432"
# The kernel's limit for the path of a unix socket is 108 bytes on Linux, 104 on macOS.
SOCKET_PATH_MAX = 100
# Where root's server keeps its data when its own user cannot enter the home.
SYSTEM_DIRECTORY = Path("/var/lib/purser")


@dataclass(frozen=True)
class Places:
    home: Path
    base: Path  # belongs to the user the server runs as

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def log(self) -> Path:
        return self.base / "server.log"

    @property
    def software(self) -> Path:
        """A copy of the programs, for a server user who cannot enter the virtual environment."""
        return self.base / "software"

    @property
    def socket_dir(self) -> Path:
        if len(os.fsencode(self.base / SOCKET_NAME)) <= SOCKET_PATH_MAX:
            return self.base
        return Path("/tmp") / f"purser-{_short_hash(self.base)}"  # noqa: S108 - checked for its owner at start


def places(home: Path) -> Places:
    """The server's directories for `home`, an absolute path that may not exist yet."""
    base = home / "postgres"
    if base.exists():
        return Places(home=home, base=base.resolve())
    if os.geteuid() == 0 and not enterable(home.parent):
        return Places(home=home, base=SYSTEM_DIRECTORY / _short_hash(home))
    return Places(home=home, base=base)


def enterable(path: Path) -> bool:
    """Whether every user of the machine may pass through `path` and all directories above it."""
    return all(not each.exists() or each.stat().st_mode & 0o001 for each in (path, *path.parents))


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
