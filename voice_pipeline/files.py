"""Files that are whole or not there."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voice_pipeline.contract import Refused


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a plain file of at most `limit` bytes.

    Paths of the spec have no symbolic link left in them; one that has come since is not followed, and a pipe or a
    device never holds the program up. Raises Refused with the code `missing` or `too_big`.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error.strerror}", code="missing") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refused(f"{path.name} is no file", code="missing")
    with os.fdopen(handle, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise Refused(f"{path.name} has more than {limit // 1024**2} MiB", code="too_big")
    return content


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives a name to write to; what was written there gets its real name only when all of it is on the disk."""
    part = path.with_name(path.name + ".part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
