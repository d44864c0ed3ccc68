"""The program as a process: lines, exit codes, and who may use what."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from voice_pipeline.contract import EXIT_CODES
from voice_pipeline.tests.conftest import ROOT, Outcome, Program, finish, order
from voice_pipeline.workfolder import locked

LIGHT = {"kind": "light"}
Clips = dict[str, dict[str, str]]


def check_lines(outcome: Outcome, job: str = "job-1") -> None:
    """What holds for the lines of every run."""
    assert [line["seq"] for line in outcome.lines] == list(range(1, len(outcome.lines) + 1))
    assert {line["v"] for line in outcome.lines} == {1}
    assert {line["job"] for line in outcome.lines} == {job}
    times = [line["at"] for line in outcome.lines]
    assert times == sorted(times)
    assert [line["type"] for line in outcome.lines].count("result") == 1
    assert outcome.last["type"] == "result"
    assert EXIT_CODES[outcome.last["status"]] == outcome.code


def test_done(program: Program, clips: Clips) -> None:
    outcome = program.run(operation="condition", engine=LIGHT, clips=[clips["ada1"], clips["ada2"]])
    check_lines(outcome)
    assert outcome.code == 0
    types = [line["type"] for line in outcome.lines]
    assert types == ["started", "engine", "progress", "progress", "artifact", "result"]
    assert outcome.lines[0]["operation"] == "condition"
    artifact = outcome.of("artifact")[0]
    assert set(artifact) == {"v", "job", "seq", "at", "type", "name", "path", "bytes", "sha256"}
    assert artifact["bytes"] == Path(artifact["path"]).stat().st_size
    assert outcome.last["result"]["sha256"] == artifact["sha256"]
    assert outcome.errors == ""


def test_a_spec_in_a_file(program: Program, store: Path, clips: Clips) -> None:
    path = store / "spec.json"
    path.write_text(json.dumps(order(store, operation="inspect", clips=[clips["ada1"]])))
    command = [sys.executable, "-m", "voice_pipeline", "--spec", str(path)]
    done = subprocess.run(command, capture_output=True, env=program.environment, cwd=ROOT, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "done"


def test_a_wrong_spec_touches_nothing(program: Program, store: Path) -> None:
    outcome = program.run(operation="inspect", clips=[{"path": "/etc/passwd"}])
    check_lines(outcome)
    assert outcome.code == 2
    assert outcome.last["message"] == "clips.0.path: /etc/passwd lies outside VOICE_ROOTS"
    assert not (store / "work").exists()
    check_lines(program.run(job=["no", "name"], operation="inspect"), job="?")
    command = [*program.command[:-1], str(store / "none.json")]
    done = subprocess.run(command, capture_output=True, env=program.environment, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["message"].startswith("the spec cannot be read")


def test_a_manifest_that_points_elsewhere(program: Program, store: Path, manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace("ada2.wav", "/etc/passwd"))
    outcome = program.run(operation="train", engine=LIGHT, manifest_path=manifest)
    check_lines(outcome)
    assert outcome.code == 2
    assert "line 2: /etc/passwd lies outside VOICE_ROOTS" in outcome.last["message"]


def test_an_engine_that_is_not_installed(program: Program, store: Path, clips: Clips) -> None:
    engine = {"kind": "xtts", "engine_dir": str(store / "engine")}
    outcome = program.run(operation="condition", engine=engine, clips=[clips["ada1"]])
    check_lines(outcome)
    assert outcome.code == 3
    assert "make install-voice" in outcome.last["message"]


def test_a_failure_leaves_its_traceback_on_standard_error(program: Program, store: Path, clips: Clips) -> None:
    (store / "work" / "conditioning.safetensors").mkdir(parents=True)
    outcome = program.run(operation="condition", engine=LIGHT, clips=[clips["ada1"]])
    check_lines(outcome)
    assert outcome.code == 4
    assert outcome.last["error"] == "IsADirectoryError"
    assert "Traceback" in outcome.errors


def test_refused_clips(program: Program, store: Path) -> None:
    (store / "clip.wav").write_bytes(b"no audio")
    outcome = program.run(operation="condition", engine=LIGHT, clips=[{"path": str(store / "clip.wav")}])
    check_lines(outcome)
    assert (outcome.code, outcome.last["error"]) == (5, "undecodable")
    assert outcome.last["message"].startswith("clip 1 (clip.wav): ")


def test_a_folder_that_is_in_use(program: Program, store: Path, clips: Clips) -> None:
    with locked(store / "work"):
        outcome = program.run(operation="inspect", clips=[clips["ada1"]])
    check_lines(outcome)
    assert outcome.code == 6
    assert program.run(operation="inspect", clips=[clips["ada1"]]).code == 0


def test_no_spec_at_all_is_a_usage_error(program: Program) -> None:
    done = subprocess.run(program.command[:-2], capture_output=True, env=program.environment, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (2, b"")


def test_what_libraries_print_does_not_get_among_the_lines(program: Program, store: Path) -> None:
    script = (
        "import os, sys, subprocess\n"
        "from voice_pipeline.reporting import Reporter\n"
        "report = Reporter()\n"
        "print('from Python')\n"
        "os.write(1, b'from C\\n')\n"
        "subprocess.run(['echo', 'from a child'], check=True)\n"
        "report.emit('log', level='info', message='\\u00e9\\u2028\\n' + 'x' * 200_000, loss=float('nan'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=program.environment, cwd=ROOT, check=True
    )
    line = json.loads(done.stdout)
    assert done.stdout.isascii()
    assert (line["message"][:3], len(line["message"]), line["loss"]) == ("\u00e9\u2028\n", 200_003, None)
    assert sorted(done.stderr.splitlines()) == [b"from C", b"from Python", b"from a child"]


def test_progress_is_held_back_but_the_last_of_a_stage_is_told(program: Program) -> None:
    script = (
        "from voice_pipeline.reporting import Reporter\n"
        "report = Reporter()\n"
        "for stage in ('one', 'two'):\n"
        "    for done in range(1, 20_001):\n"
        "        report.progress(stage, done, 20_000, loss=None if done % 2 else 0.5)\n"
        "report.progress('three', 7, 9)\n"
        "report.emit('result', status='done')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=program.environment, cwd=ROOT, check=True
    )
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) < 60
    last = {line["stage"]: line for line in lines if line["type"] == "progress"}
    assert {stage: line["done"] for stage, line in last.items()} == {"one": 20_000, "two": 20_000, "three": 7}
    assert last["two"]["metrics"] == {"loss": 0.5}
    assert lines[-1]["type"] == "result"


def test_neither_the_portal_nor_deep_learning_is_imported(program: Program, clips: Clips) -> None:
    script = (
        "import sys\n"
        "import voice_pipeline.program, voice_pipeline.adapters.light.engine, voice_pipeline.adapters.xtts.engine\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=program.environment, cwd=ROOT, check=True, text=True
    )
    loaded = set(done.stdout.split())
    assert "voice_pipeline" in loaded
    assert not loaded & {"django", "portal", "billing", "accounts", "celery", "torch", "torchaudio", "TTS"}


def test_nobody_reads_the_lines(program: Program, clips: Clips) -> None:
    process = program.start(operation="inspect", clips=[clips["ada1"]])
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_whoever_comes_second_is_told(program: Program, manifest: Path) -> None:
    fields = {"operation": "train", "engine": LIGHT, "manifest_path": manifest, "options": {"step_seconds": 5}}
    first = program.start(**fields)
    assert first.stdout
    assert json.loads(first.stdout.readline())["type"] == "started"
    assert program.run(**fields).code == 6
    first.terminate()
    assert finish(first).code == 130
    assert program.run(operation="export", engine=LIGHT, run_dir=manifest, out_dir=manifest).code == 5


@pytest.mark.parametrize("value", ["", "/nowhere"])
def test_roots_come_from_the_environment_alone(program: Program, clips: Clips, value: str) -> None:
    program.environment["VOICE_ROOTS"] = value
    outcome = program.run(operation="inspect", clips=[clips["ada1"]])
    assert outcome.code == 2
    assert "VOICE_ROOTS" in outcome.last["message"]
    assert os.environ["VOICE_ROOTS"] != value
