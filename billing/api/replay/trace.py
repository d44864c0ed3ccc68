"""Reading a trace: CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens. Pure."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


class BadTrace(ValueError):
    """The file is not such a trace; the message names the line."""


@dataclass(frozen=True, slots=True)
class Row:
    number: int  # from 1, in the order of the file
    at: datetime
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Trace:
    path: Path
    digest: str  # of the file's bytes: the same file has the same event ids
    rows: int
    first: Row
    last_at: datetime


def inspect(path: Path) -> Trace:
    """What a replay needs to know before its first event. Raises BadTrace or OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    first, last_at, count = None, None, 0
    for row in read(path):
        first = first or row
        last_at = row.at if last_at is None else max(last_at, row.at)
        count += 1
    if first is None or last_at is None:
        raise BadTrace(f"{path} has no rows.")
    return Trace(path, digest, count, first, last_at)


def read(path: Path) -> Iterator[Row]:
    """The rows of the file one by one. Raises BadTrace."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if missing := [name for name in COLUMNS if name not in header]:
            raise BadTrace(f"{path} has no column {missing[0]}.")
        places = [header.index(name) for name in COLUMNS]
        number = 0
        for cells in reader:
            if not any(cells):
                continue
            number += 1
            try:
                stamp, context, generated = (cells[place] for place in places)
                yield Row(number, moment(stamp), tokens(context), tokens(generated))
            except (ValueError, IndexError) as error:
                raise BadTrace(f"Line {reader.line_num} of {path} is not a row of a trace: {error}") from error


def tokens(text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise ValueError(f"{text!r} is not a count")
    return int(text)


def moment(text: str) -> datetime:
    """A stamp, UTC where it has no offset; what is finer than a microsecond is cut off."""
    whole, dot, rest = text.strip().partition(".")
    digits = "".join(islice(iter_digits(rest), 6))
    offset = rest.lstrip("0123456789") if dot else ""
    parsed = datetime.fromisoformat(f"{whole}.{digits:0<6}{offset}" if dot else whole)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def iter_digits(text: str) -> Iterator[str]:
    for character in text:
        if not character.isdigit():
            return
        yield character


def event_id(trace: Trace, model: str, row: Row) -> str:
    """The same row of the same file for the same model is the same event, whenever it is played."""
    named = hashlib.sha256(f"{trace.digest}\n{model}".encode()).hexdigest()[:24]
    return f"replay-{named}-{row.number}"
