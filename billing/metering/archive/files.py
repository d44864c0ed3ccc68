"""The files: gzip JSON Lines, a whole event a line, a manifest beside each. They appear complete or not at all."""

import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings

FORMAT, VERSION = "purser-events", 1


class ArchiveDamaged(Exception):
    """A file is missing, or is not what was written."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is in a file: its events by id, in the order of its lines; and the digest of the file as it lies there."""

    sha256: bytes
    events: list[int]


def path_of(name: str) -> Path:
    """Where the file with this name (relative to ARCHIVE_DIR) lies."""
    return Path(settings.ARCHIVE_DIR) / name


def write(name: str, lines: Iterable[tuple[int, str]], about: dict[str, Any]) -> Written:
    """Write (event id, JSON text) lines and the manifest, which says `about` and what the file has. When this returns,
    both are on the disk under their names. Another file of that name, of an interrupted run or of the database
    that this one is a copy of, is kept under a name that tells its digest.
    """
    path = path_of(name)
    _directory(path.parent)
    events: list[int] = []

    def content(file: IO[bytes]) -> bytes:
        hashing = _Hashing(file)
        with gzip.GzipFile(filename="", mode="wb", fileobj=cast(Any, hashing), mtime=0) as packed:
            for event, text in lines:
                packed.write(text.encode() + b"\n")
                events.append(event)
        return hashing.sha256.digest()

    draft, sha256 = _drafted(path, content)
    manifest = {"format": FORMAT, "version": VERSION, **about, "events": len(events), "sha256": sha256.hex()}
    text = json.dumps(manifest, indent=2).encode() + b"\n"
    said, _ = _drafted(_manifest(path), lambda file: file.write(text))
    _put_aside(path, sha256)
    draft.rename(path)
    said.rename(_manifest(path))
    _sync(path.parent)
    return Written(sha256, events)


def _put_aside(path: Path, sha256: bytes) -> None:
    """Nothing that was archived is ever written over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").digest()
    if found != sha256:
        path.rename(path.with_name(f"{path.name}.{found.hex()[:16]}"))


def read(name: str, sha256: bytes) -> Iterator[dict[str, Any]]:
    """Its events. Raises ArchiveDamaged unless the file is the one with this digest."""
    return map(json.loads, lines(name, sha256))


def lines(name: str, sha256: bytes) -> Iterator[str]:
    """Its lines as they stand there. Raises ArchiveDamaged as `read` does."""
    check(name, sha256)
    with gzip.open(path_of(name), "rt", encoding="utf-8", newline="\n") as file:
        yield from file


def check(name: str, sha256: bytes) -> None:
    """Raises ArchiveDamaged unless the file, and what its manifest says, have this digest."""
    path = path_of(name)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").digest()
        said = json.loads(_manifest(path).read_text())
    except (OSError, ValueError) as error:
        raise ArchiveDamaged(f"{path} or its manifest cannot be read: {error}") from error
    if found != sha256 or said.get("sha256") != sha256.hex():
        raise ArchiveDamaged(f"{path} is not the file that was written: its sha256 is another one")


class _Hashing:
    """Passes on what is written, and digests it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _drafted(path: Path, content: Callable[[IO[bytes]], Any]) -> tuple[Path, Any]:
    """Write a file beside `path` and see it to the disk."""
    draft = path.with_name(f".{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        made = content(file)
        file.flush()
        os.fsync(file.fileno())
    return draft, made


def _manifest(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".jsonl.gz") + ".manifest.json")


def _directory(path: Path) -> None:
    """Only its owner can look into it: events may name people."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing:
        each.chmod(0o700)
        _sync(each.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
