"""Cancelled, killed, orphaned: nothing runs on, nothing is half, and the training reaches its end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from voice_pipeline import stopping
from voice_pipeline.adapters.light.training import checkpoints, read_checkpoint
from voice_pipeline.contract import Cancelled
from voice_pipeline.files import sha256
from voice_pipeline.files import whole as whole_file
from voice_pipeline.tests.conftest import ROOT, Program, order

LIGHT = {"kind": "light"}
EPOCHS = 8


def training(manifest: Path, **more: Any) -> dict[str, Any]:
    """A training of some dozens of steps that takes long enough to be caught in the middle."""
    options = {"epochs": EPOCHS, "step_seconds": 0.05, "save_step": 10}
    return {"operation": "train", "engine": LIGHT, "manifest_path": manifest, "options": options, **more}


def whole(run: Path) -> int:
    """All checkpoints load; the step of the last one."""
    assert not list(run.glob("*.part"))
    return [read_checkpoint(path).step for path in checkpoints(run)][-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_cancelled_between_steps_with_a_checkpoint(program: Program, manifest: Path, number: signal.Signals) -> None:
    outcome = program.stopped_at(13, number, **training(manifest))
    assert outcome.code == 130
    assert outcome.last["status"] == "cancelled"
    run = Path(outcome.last["resume_dir"])
    assert outcome.of("run")[0]["resume_dir"] == str(run)
    assert outcome.last["step"] == whole(run) >= 13
    assert (run / outcome.last["checkpoint"]).is_file()


def test_stopped_twice_and_killed_once_it_still_reaches_the_same_end(
    program: Program, store: Path, manifest: Path
) -> None:
    undisturbed = training(manifest)
    undisturbed["options"] = undisturbed["options"] | {"step_seconds": 0}
    straight = program.run(**undisturbed)
    assert straight.code == 0
    expected = straight.last["result"]

    broken = training(manifest, workdir=str(store / "broken"))
    first = program.stopped_at(7, **broken)
    assert first.code == 130
    run = first.last["resume_dir"]
    second = program.stopped_at(15, **broken, resume_dir=run)
    assert (second.code, second.of("run")[0]["resumed"]) == (130, True)
    assert second.of("run")[0]["step"] == first.last["step"]
    third = program.stopped_at(27, signal.SIGKILL, **broken, resume_dir=run)
    assert third.code == -signal.SIGKILL
    assert whole(Path(run)) >= 20
    last = program.run(**broken, resume_dir=run)
    assert last.code == 0

    result = last.last["result"]
    assert result | {"resume_dir": ""} == expected | {"resume_dir": ""}
    best = [sha256(Path(path) / "best.safetensors") for path in (run, expected["resume_dir"])]
    assert best[0] == best[1]
    again = program.run(**broken, resume_dir=run)
    assert again.last["result"] == result


def test_a_killed_worker_leaves_no_process_and_a_whole_checkpoint(
    program: Program, store: Path, manifest: Path
) -> None:
    """The worker starts the program in a session of its own, reads its lines, and is killed without a word."""
    worker = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'voice_pipeline', '--spec', sys.argv[1]],\n"
        "                         stdout=subprocess.PIPE, start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "for line in child.stdout:\n"
        "    print(line.decode(), end='', flush=True)\n"
    )
    fields = training(manifest)
    fields["options"] = fields["options"] | {"save_step": 1_000, "epochs": 200}
    spec = store / "spec.json"
    spec.write_text(json.dumps(order(store, **fields)))
    process = subprocess.Popen(
        [sys.executable, "-c", worker, str(spec)], stdout=subprocess.PIPE, env=program.environment, cwd=ROOT, text=True
    )
    assert process.stdout
    child = psutil.Process(int(process.stdout.readline()))
    for line in process.stdout:
        told = json.loads(line)
        if told["type"] == "progress" and told.get("stage") == "train" and told["done"] >= 5:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait(timeout=10)
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert whole(store / "work" / "run") >= 5
    # The lock has gone with the process.
    short = program.run(**(fields | {"resume_dir": str(store / "elsewhere")}))
    assert short.code == 5


def test_cancelled_before_the_first_step(program: Program, manifest: Path) -> None:
    process = program.start(**training(manifest))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    # In the first instant Python has not come to listening yet.
    assert process.returncode in {130, -signal.SIGTERM}


def test_a_rebuild_is_cancelled_between_voices(program: Program, clips: dict[str, dict[str, str]]) -> None:
    items = [{"voice": f"voice-{number}", "clips": [clips["ada1"], clips["bob1"]]} for number in range(300)]
    process = program.start(operation="rebuild", engine=LIGHT, items=items)
    assert process.stdout
    for line in process.stdout:
        if json.loads(line)["type"] == "item":
            process.send_signal(signal.SIGTERM)
            break
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["status"] == "cancelled"


def test_a_signal_is_a_flag_but_in_a_stretch_that_writes_nothing(stop: Callable[[], None]) -> None:
    handler = signal.signal(signal.SIGUSR1, stopping._heard)
    try:
        with pytest.raises(Cancelled), stopping.interruptible():
            signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR1)  # outside nothing is raised
        assert stopping.asked()
        with pytest.raises(Cancelled):
            stopping.check()
        with pytest.raises(Cancelled), stopping.interruptible():
            pytest.fail("it began although somebody had asked to stop")
    finally:
        signal.signal(signal.SIGUSR1, handler)


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with suppress(Cancelled), whole_file(path) as part:
        part.write_text("half")
        raise Cancelled
    assert list(tmp_path.iterdir()) == []
    with whole_file(path) as part:
        part.write_text("all of it")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_cancel_that_comes_too_late_does_not_undo_what_is_done(program: Program, clips: dict[str, Any]) -> None:
    process = program.start(operation="inspect", clips=[clips["ada1"]] * 2)
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1].get("done") == 2:
            process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert (process.returncode, lines[-1]["status"]) == (0, "done")
