"""Homes for tests that run real processes."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.embedded import places


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A directory short enough for sockets, which the server's own user may enter; removed with all it left."""
    home = Path(tempfile.mkdtemp(prefix="purser-", dir="/tmp"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        shutil.rmtree(places(home).base, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)
