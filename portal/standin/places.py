"""Where the stand-ins of an installation are found: their ports, files, and the token of simulated payments."""

import contextlib
import socket
from pathlib import Path

from portal.home import own_directory, secret_file

TOKEN = "standin-token"  # noqa: S105 - the name of its file
STRIPE, USDC = "standin", "standin-usdc"  # their directories
NOWHERE = 9  # where nobody listens, until the first start has chosen


def token_file(home: Path) -> Path:
    return secret_file(home, TOKEN)


def state_file(home: Path, which: str = STRIPE) -> Path:
    return own_directory(home / which) / "state.sqlite3"


def port_of(home: Path, which: str = STRIPE) -> int:
    try:
        return int((home / which / "port").read_text())
    except (OSError, ValueError):
        return NOWHERE


def choose_port(home: Path, which: str = STRIPE) -> int:
    """The port of the last start if it is free, else another one; noted for the other processes."""
    port = port_of(home, which)
    if port == NOWHERE or not _free(port):
        port = _free_one()
    note = own_directory(home / which) / "port"
    draft = note.with_suffix(".new")
    draft.write_text(str(port))
    draft.replace(note)
    return port


def _free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _free_one() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
