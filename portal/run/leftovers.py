"""Processes of a start whose supervisor was killed: noted with their birth, ended by the next start."""

import json
from collections.abc import Iterable
from pathlib import Path

import psutil

from portal.run.children import kill_group

SAME_BIRTH = 1.0  # seconds; numbers are given out again, births do not repeat


def note(file: Path, pids: Iterable[int]) -> None:
    entries = []
    for pid in pids:
        try:
            entries.append([pid, psutil.Process(pid).create_time()])
        except psutil.Error:
            continue
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(entries))
    draft.replace(file)


def end_leftovers(file: Path) -> int:
    """End the process groups noted in `file` that still exist; returns how many."""
    try:
        entries = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return 0
    ended = 0
    for pid, birth in entries:
        try:
            process = psutil.Process(pid)
            if abs(process.create_time() - birth) < SAME_BIRTH:
                kill_group(pid)
                process.wait(5)
                ended += 1
        except psutil.Error:
            continue
    file.unlink(missing_ok=True)
    return ended
