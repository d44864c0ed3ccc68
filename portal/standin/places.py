"""Where the stand-in of an installation is found: its port, its file, its token."""

import contextlib
import socket
from pathlib import Path

from portal.home import own_directory, secret_file

TOKEN = "standin-token"  # noqa: S105 - the name of its file
NOWHERE = 9  # where nobody listens, until the first start has chosen


def token_file(home: Path) -> Path:
    return secret_file(home, TOKEN)


def state_file(home: Path) -> Path:
    return own_directory(home / "standin") / "state.sqlite3"


def port_of(home: Path) -> int:
    try:
        return int((home / "standin" / "port").read_text())
    except (OSError, ValueError):
        return NOWHERE


def choose_port(home: Path) -> int:
    """The port of the last start if it is free, else another one; noted for the other processes."""
    port = port_of(home)
    if port == NOWHERE or not _free(port):
        port = _free_one()
    note = own_directory(home / "standin") / "port"
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
