"""One process per work folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voice_pipeline.contract import Busy, SpecError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder and hold its lock; the kernel lets it go with the process. Raises Busy."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise SpecError(f"workdir: {folder} cannot be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"another process works in {folder}; wait for it or cancel it") from None
        yield
