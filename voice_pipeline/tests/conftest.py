"""A store that the program may use, and two ways to run it: inside the test, or as the process that it is."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from voice_pipeline import operations, spec, stopping
from voice_pipeline.files import sha256
from voice_pipeline.tests.clips import ADA, BOB, OTHER_TEXT, TEXT, spoken, write
from voice_pipeline.workfolder import locked

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Recorder:
    """Keeps the lines that the program would have written."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def emit(self, kind: str, /, **fields: Any) -> None:
        self.lines.append({"type": kind, **fields})

    def progress(self, stage: str, done: int, total: int, **metrics: float | None) -> None:
        self.emit("progress", stage=stage, done=done, total=total, metrics=metrics)

    def log(self, message: str, level: str = "info") -> None:
        self.emit("log", level=level, message=message)

    def artifact(self, name: str, path: Path, /, **facts: Any) -> str:
        self.emit("artifact", name=name, path=str(path), **facts)
        return sha256(path)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == kind]


@dataclass(frozen=True)
class Outcome:
    code: int
    lines: list[dict[str, Any]]
    errors: str

    @property
    def last(self) -> dict[str, Any]:
        return self.lines[-1]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == kind]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder of VOICE_ROOTS."""
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setenv("VOICE_ROOTS", str(folder))
    return folder


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Asks to stop, as a signal would, for this test only."""
    monkeypatch.setattr(stopping, "_asked", False)
    return stopping.ask


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clean clips: ada1, ada2, bob1, bob2."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, speaker in (("ada", ADA), ("bob", BOB)):
        for number, text in enumerate((TEXT, OTHER_TEXT), 1):
            write(folder / f"{name}{number}.wav", spoken(text, speaker))
    return folder


@pytest.fixture
def clips(store: Path, recordings: Path) -> dict[str, dict[str, str]]:
    """The recordings as entries of `clips`, by name."""
    found = {}
    for path in recordings.iterdir():
        target = store / path.name
        target.write_bytes(path.read_bytes())
        found[path.stem] = {"path": str(target)}
    return found


@pytest.fixture
def manifest(store: Path, clips: dict[str, dict[str, str]]) -> Path:
    """Training data: four clips, the last one held out."""
    path = store / "manifest.jsonl"
    lines = [{"audio_file": f"{name}.wav", "text": TEXT, "eval": name == "bob2"} for name in sorted(clips)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def order(store: Path, **fields: Any) -> dict[str, Any]:
    whole = {"contract": 1, "job": "job-1", "workdir": str(store / "work"), **fields}
    return {name: str(value) if isinstance(value, Path) else value for name, value in whole.items()}


@pytest.fixture
def do(store: Path) -> Callable[..., tuple[dict[str, Any], Recorder]]:
    """Runs an order inside the test: its result and its lines."""

    def run(**fields: Any) -> tuple[dict[str, Any], Recorder]:
        report = Recorder()
        parsed = spec.parse(json.dumps(order(store, **fields)).encode())
        with locked(parsed.workdir):
            return operations.run(parsed, report), report

    return run


class Program:
    """The program as a process of its own, in the environment that the contract asks for."""

    def __init__(self, store: Path, python: Path | str = sys.executable) -> None:
        self.store = store
        self.command = [str(python), "-m", "voice_pipeline", "--spec", "-"]
        self.environment = {"VOICE_ROOTS": str(store), "PATH": os.environ["PATH"], "HOME": str(store)}

    def start(self, **fields: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=ROOT,
        )
        assert process.stdin
        process.stdin.write(json.dumps(order(self.store, **fields)).encode())
        process.stdin.close()
        process.stdin = None
        return process

    def run(self, **fields: Any) -> Outcome:
        return finish(self.start(**fields))

    def stopped_at(self, step: int, number: signal.Signals = signal.SIGTERM, **fields: Any) -> Outcome:
        """Run, and send a signal when a line tells of that step of the training."""
        process = self.start(**fields)
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(json.loads(line))
            if lines[-1].get("stage") == "train" and lines[-1]["done"] >= step:
                process.send_signal(number)
                break
        rest = finish(process)
        return Outcome(rest.code, lines + rest.lines, rest.errors)


def finish(process: subprocess.Popen[bytes]) -> Outcome:
    out, errors = process.communicate(timeout=120)
    return Outcome(process.returncode, [json.loads(line) for line in out.splitlines()], errors.decode())


@pytest.fixture
def program(store: Path) -> Program:
    return Program(store)
