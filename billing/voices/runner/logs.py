"""The end of a log, for a page."""

from collections import deque
from pathlib import Path

LOOKED_AT = 65_536  # bytes from the end


def tail(path: Path, lines: int = 200) -> list[str]:
    """The last lines, whatever bytes they hold; none when there is no log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOOKED_AT))
            found = file.read(LOOKED_AT).split(b"\n")
    except FileNotFoundError:
        return []
    if size > LOOKED_AT:
        found = found[1:]  # its beginning is not there
    texts = (line.decode("utf-8", "replace").replace("\x00", "").rstrip()[:500] for line in found)
    return list(deque((text for text in texts if text), maxlen=lines))
