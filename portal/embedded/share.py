"""Who uses the embedded server now: kernel file locks, so that a killed process gives its share back.

`start.lock` is held while the server is started or stopped; every user holds `users.lock` shared. Who can lock
that one exclusively is alone and may stop the server.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from portal.embedded.errors import EmbeddedError
from portal.embedded.places import places
from portal.embedded.server import Server


class Share:
    """A share in the running server; `close()` stops it if nobody else has one."""

    def __init__(self, server: Server, locks: Path, users: int) -> None:
        self.server = server
        self._locks = locks
        self._users: int | None = users
        self._pid = os.getpid()

    def close(self) -> None:
        # A forked child shares the lock with its parent and must leave it alone.
        if self._users is None or os.getpid() != self._pid:
            return
        start = _open(self._locks / "start.lock", fcntl.LOCK_EX)
        try:
            if _try_alone(self._users):
                self.server.stop()
        finally:
            os.close(self._users)
            self._users = None
            os.close(start)

    def __enter__(self) -> "Share":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def ensure_running(home: Path, *, durable: bool = True) -> Share:
    """Start the server of `home` unless it runs, and take a share in it. Raises EmbeddedError.

    `durable=False` trades safety at power loss for speed, for throw-away homes; it counts only for who starts it.
    """
    server = Server(places(home))
    locks = home / "locks"
    try:
        locks.mkdir(parents=True, exist_ok=True)
        start = _open(locks / "start.lock", fcntl.LOCK_EX)
    except OSError as error:
        raise EmbeddedError(f"cannot write to {home}: {error.strerror}") from error
    try:
        if not server.answers():
            server.start(durable=durable)
        users = _open(locks / "users.lock", fcntl.LOCK_SH)
    finally:
        os.close(start)
    return Share(server, locks, users)


def _open(path: Path, lock: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, lock)
    return descriptor


def _try_alone(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
