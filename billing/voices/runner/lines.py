"""The lines of the pipeline's contract, version 1 (docs/voice-pipeline.md), read strictly."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

CONTRACT = 1
LONGEST = 1_048_576  # bytes of a line
TYPES = frozenset({"started", "engine", "run", "progress", "epoch", "item", "artifact", "log", "result"})
ENVELOPE = frozenset({"v", "job", "seq", "at", "type"})


class BadLine(ValueError):
    """Not a line of the contract; the message says why."""


@dataclass(frozen=True, slots=True)
class Event:
    """A line: its number within the attempt, its type and what it says besides."""

    seq: int
    at: float  # Unix time in seconds, by the child's clock
    type: str
    data: dict[str, Any]


def parse_line(raw: bytes, *, job: str, after: int) -> Event:
    """The event of a line of `job` that comes after the line number `after`. Raises BadLine."""
    try:
        found = json.loads(raw, parse_constant=_no_constant, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"no JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadLine("no object")
    seq, at, kind = found.get("seq"), found.get("at"), found.get("type")
    if type(found.get("v")) is not int or found["v"] != CONTRACT:
        raise BadLine("another version of the contract")
    if found.get("job") != job:
        raise BadLine("of another job")
    if type(seq) is not int or seq <= after or seq > 2**31 - 1:
        raise BadLine("its number does not follow")
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise BadLine("no time")
    if kind not in TYPES:
        raise BadLine("a type that is not known")
    return Event(seq, float(at), kind, {name: value for name, value in found.items() if name not in ENVELOPE})


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    if any("\x00" in text for pair in pairs for text in pair if isinstance(text, str)):
        raise ValueError("a NUL, which the database does not keep")
    return found


class LineReader:
    """Turns what comes through a pipe into events; `bad` counts the lines that are none."""

    def __init__(self, job: str) -> None:
        self.job = job
        self.last = 0
        self.bad = 0
        self.first_bad = ""
        self._rest = b""
        self._skipping = False  # the rest of a line that was too long

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that this piece completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for raw in lines:
            if self._skipping:
                self._skipping = False
            elif raw.strip():
                yield from self._read(raw)
        if self._skipping:
            self._rest = b""
        elif len(self._rest) > LONGEST:
            self._skipping, self._rest = True, b""
            self._refuse("a line that is too long")

    def _read(self, raw: bytes) -> Iterator[Event]:
        if len(raw) > LONGEST:
            self._refuse("a line that is too long")
            return
        try:
            event = parse_line(raw, job=self.job, after=self.last)
        except BadLine as error:
            self._refuse(str(error))
            return
        self.last = event.seq
        yield event

    def _refuse(self, why: str) -> None:
        self.bad += 1
        self.first_bad = self.first_bad or why
