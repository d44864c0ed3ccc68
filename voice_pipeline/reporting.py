"""The lines that are written while an operation runs."""

import json
import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from voice_pipeline import stopping
from voice_pipeline.contract import CONTRACT
from voice_pipeline.files import sha256

PROGRESS_SECONDS = 0.2
LONGEST_TEXT = 2_000


class Report(Protocol):
    """What operations and engines may say."""

    def emit(self, kind: str, /, **fields: Any) -> None: ...
    def progress(self, stage: str, done: int, total: int, **metrics: float | None) -> None: ...
    def log(self, message: str, level: str = "info") -> None: ...
    def artifact(self, name: str, path: Path, /, **facts: Any) -> str: ...


class Quiet:
    """Says nothing: for the parts of a step that is itself told as one."""

    def emit(self, kind: str, /, **fields: Any) -> None: ...
    def progress(self, stage: str, done: int, total: int, **metrics: float | None) -> None: ...
    def log(self, message: str, level: str = "info") -> None: ...
    def artifact(self, name: str, path: Path, /, **facts: Any) -> str:
        return sha256(path)


class Reporter:
    """Writes JSON Lines to a private copy of standard output.

    Libraries print freely to descriptor 1, from C as well; it is pointed at standard error. When nobody reads the
    lines any more the program is asked to stop, and goes on to its next safe place: an error raised here would come
    before the checkpoint that a cancel saves.
    """

    def __init__(self) -> None:
        self.job = "?"
        self.unheard = False
        self._out = os.dup(1)  # not inherited by children
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._lock = threading.RLock()
        self._sequence = 0
        self._told_at = -math.inf
        self._stage = ""
        self._waiting: dict[str, Any] | None = None

    def emit(self, kind: str, /, **fields: Any) -> None:
        """Write one line; a progress that was held back goes first."""
        with self._lock:
            self._flush()
            self._write(kind, fields)

    def progress(self, stage: str, done: int, total: int, **metrics: float | None) -> None:
        """At most five lines a second; the last of a stage is always told."""
        fields: dict[str, Any] = {"stage": stage, "done": min(done, total), "total": total}
        known = {name: value for name, value in metrics.items() if value is not None and math.isfinite(value)}
        if known:
            fields["metrics"] = known
        with self._lock:
            if stage != self._stage:
                self._flush()
                self._stage = stage
            self._waiting = fields
            if time.monotonic() - self._told_at >= PROGRESS_SECONDS or done >= total:
                self._flush()

    def log(self, message: str, level: str = "info") -> None:
        self.emit("log", level=level, message=message[:LONGEST_TEXT])

    def artifact(self, name: str, path: Path, /, **facts: Any) -> str:
        """Tell of a finished file; its SHA-256 in hex."""
        digest = sha256(path)
        self.emit("artifact", name=name, path=str(path), bytes=path.stat().st_size, sha256=digest, **facts)
        return digest

    def _flush(self) -> None:
        if self._waiting is not None:
            fields, self._waiting = self._waiting, None
            self._told_at = time.monotonic()
            self._write("progress", fields)

    def _write(self, kind: str, fields: dict[str, Any]) -> None:
        self._sequence += 1
        line = {"v": CONTRACT, "job": self.job, "seq": self._sequence, "at": round(time.time(), 3), "type": kind}
        data = (json.dumps(line | _finite(fields), separators=(",", ":")) + "\n").encode("ascii")
        try:
            while data and not self.unheard:
                data = data[os.write(self._out, data) :]
        except OSError:
            self.unheard = True
            stopping.ask()


def _finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
