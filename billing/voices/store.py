"""Files below VOICE_ROOT. Every name is ours: ids and digests, never what an uploader or the pipeline calls them.

voices/<voice>/clips/<sha256>            uploads
voices/<voice>/conditionings/<id>-<n>    what an engine version made of them, and a sample beside it
engines/<version>/                       files of an engine version
datasets/<name>/manifest.jsonl           put there by the operator, to train on
jobs/<job>/                              spec, log and working folder of a job
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

from django.conf import settings

from billing.voices.errors import BadResult, OutsideStore, UploadRefused

MOST_BYTES = 25 * 1024 * 1024  # of a clip, as in the pipeline's contract


@dataclass(frozen=True)
class Stored:
    rel_path: str
    sha256: str
    size: int  # bytes


def root() -> Path:
    return Path(settings.VOICE_ROOT).resolve()


def absolute(rel_path: str) -> Path:
    """Where it lies. Raises OutsideStore, also for what links lead out of the store."""
    if not rel_path:
        raise OutsideStore("no path")
    path = (root() / rel_path).resolve()
    if not path.is_relative_to(root()) or path == root():
        raise OutsideStore(f"{rel_path} lies outside the voice store")
    return path


def relative(path: str | Path) -> str:
    """The path below the store. Raises OutsideStore."""
    found = Path(path).resolve()
    if not found.is_relative_to(root()) or found == root():
        raise OutsideStore(f"{path} lies outside the voice store")
    return str(found.relative_to(root()))


def own_folder(rel_path: str) -> Path:
    """Made if missing, readable by us only."""
    path = absolute(rel_path)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def store_clip(voice: str, chunks: Iterable[bytes]) -> Stored:
    """Write an upload piece by piece, however long its header says it is. Raises UploadRefused."""
    folder = own_folder(f"voices/{voice}/clips")
    draft = folder / f".{secrets.token_hex(8)}"
    digest, size = sha256(), 0
    try:
        with draft.open("xb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > MOST_BYTES:
                    raise UploadRefused(f"It is larger than {MOST_BYTES // 2**20} MiB. Cut it, or save it as FLAC.")
                digest.update(chunk)
                file.write(chunk)
        if not size:
            raise UploadRefused("It is empty.")
        place = folder / digest.hexdigest()
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
    return Stored(relative(place), digest.hexdigest(), size)


def keep(source: str, rel_path: str, *, said: object, below: Path) -> Stored:
    """Keep a file that a job left below `below` under a name of ours; its digest is counted here. The job's own copy
    stays, because a job that goes on looks for it. Raises BadResult.
    """
    path = Path(source).resolve()
    if not path.is_relative_to(below.resolve()) or not path.is_file():
        raise BadResult("a file that it named is not in its folder")
    place = absolute(rel_path)
    own_folder(str(Path(rel_path).parent))
    draft = place.with_name(f".{secrets.token_hex(8)}")
    try:
        shutil.copyfile(path, draft)
        with draft.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        if said != digest:
            raise BadResult("a file is not what it said it wrote")
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
    return Stored(rel_path, digest, place.stat().st_size)


def digests(folder: Path) -> dict[str, str]:
    """Name → SHA-256 of each file directly in the folder. Raises BadResult for anything else in it."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise BadResult(f"{path.name} is no plain file")
        with path.open("rb") as file:
            found[path.name] = file_digest(file, "sha256").hexdigest()
    return found


def make_read_only(folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o400)
    folder.chmod(0o500)


def forget(rel_path: str) -> None:
    """Remove a file or a folder with all that is in it; what is gone already is fine."""
    path = absolute(rel_path)
    if path.is_dir():
        with contextlib.suppress(OSError):
            path.chmod(0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def free_bytes() -> int:
    place = root()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def size_of(folder: Path) -> int:
    """Bytes of all files directly in the folder."""
    return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))
