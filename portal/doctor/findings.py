"""What an examination finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`note` is worth knowing, and nothing is broken by it; `wrong` has to be put right."""

    part: str
    state: State
    found: str
    fix: str = ""


Examination = Callable[[], Iterator[Finding]]


def ok(part: str, found: str) -> Finding:
    return Finding(part, "ok", found)


def note(part: str, found: str, fix: str = "") -> Finding:
    return Finding(part, "note", found, fix)


def wrong(part: str, found: str, fix: str) -> Finding:
    return Finding(part, "wrong", found, fix)


def first_line(error: BaseException) -> str:
    """What an error says, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
