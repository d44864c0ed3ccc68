"""The code of coqui-tts itself, on a tiny engine of random weights, in the environment of `make install-voice`."""

import json
import os
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from safetensors.numpy import load_file

from voice_pipeline.files import sha256
from voice_pipeline.tests.clips import ADA, BOB, spoken, write
from voice_pipeline.tests.conftest import ROOT, Outcome, Program, order

pytestmark = pytest.mark.slow

PYTHON = ROOT / ".venv-voice" / "bin" / "python"
# Letters that the tiny vocabulary knows; long enough for what an engine speaks that never comes to an end.
SAID = "good morning to all of you, and welcome to the house on the hill."
# The trainer takes clips of up to 11.6 s, and is given short ones so that a step is quick.
TEXTS = ["the quick brown fox", "jumps over the lazy dog", "good morning to you", "is it not so", "and welcome all"]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the tiny engine in `tiny`, once more as its makers would publish it in `original`."""
    assert PYTHON.exists(), "the voice engine is not installed: make install-voice"
    store = tmp_path_factory.mktemp("engines")
    for name, options in (("tiny", []), ("original", ["--original"])):
        command = [PYTHON, "-m", "voice_pipeline.testing.tiny_xtts", store / name, *options]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return store


@pytest.fixture
def xtts(engines: Path) -> Program:
    """The program in the voice environment. Its work folders lie beside the engines."""
    return Program(engines, PYTHON)


@pytest.fixture(scope="module")
def data(engines: Path) -> Path:
    """Clips of two voices and a manifest of five short ones."""
    for name, speaker in (("ada", ADA), ("bob", BOB)):
        for number in (1, 2):
            write(engines / f"{name}{number}.wav", spoken(TEXTS[number] + " " + TEXTS[0], speaker, seed=number), 22_050)
    lines = []
    for number, text in enumerate(TEXTS):
        write(engines / f"line{number}.wav", spoken(text, ADA, seed=number))
        lines.append({"audio_file": f"line{number}.wav", "text": text, "eval": number == 4})
    path = engines / "manifest.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def engine(store: Path, name: str = "tiny") -> dict[str, str]:
    return {"kind": "xtts", "engine_dir": str(store / name)}


def voice(store: Path, name: str) -> list[dict[str, str]]:
    return [{"path": str(store / f"{name}{number}.wav")} for number in (1, 2)]


def done(outcome: Outcome) -> dict[str, Any]:
    assert outcome.code == 0, outcome.errors[-3_000:]
    result: dict[str, Any] = outcome.last["result"]
    return result


def loads(paths: list[Path]) -> None:
    """Every checkpoint is whole; only loading shows it."""
    assert paths
    script = "import sys, torch\nfor name in sys.argv[1:]: torch.load(name, map_location='cpu')"
    subprocess.run([PYTHON, "-c", script, *paths], check=True, capture_output=True)


def test_condition_verify_sample(xtts: Program, engines: Path, data: Path) -> None:
    made = xtts.run(operation="condition", engine=engine(engines), clips=voice(engines, "ada"), tier="standard")
    result = done(made)
    assert result["shapes"] == {"gpt_cond_latent": [1, 32, 64], "speaker_embedding": [1, 512, 1]}
    facts = made.of("engine")[0]
    assert facts["is_test"]
    assert facts["trains"]
    assert not facts["calibrated"]
    assert (facts["kind"], facts["rate"], facts["width"]) == ("xtts", 24_000, 64)
    path = Path(result["path"]).rename(engines / "ada.safetensors")
    tensors = load_file(path)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())

    common = {"engine": engine(engines), "conditioning_path": path}
    verdict = done(xtts.run(operation="verify", clips=voice(engines, "ada"), text=SAID, **common))
    assert verdict["passed"], verdict["checks"]
    assert len(verdict["scores"]) == 2
    assert min(verdict["scores"]) > 0.9

    heard = done(xtts.run(operation="sample", text=SAID, options={"max_seconds": 1, "seed": 3}, **common))
    samples, rate = soundfile.read(heard["path"])
    assert rate == heard["rate"] == 24_000
    assert 0.5 < len(samples) / rate < 1.5
    assert np.abs(samples).max() > 0.001

    refused = xtts.run(operation="sample", text=SAID, language="xx", **common)
    assert (refused.code, refused.last["status"]) == (5, "refused")
    assert "does not speak xx" in refused.last["message"]
    long = xtts.run(operation="sample", text="quick brown fox " * 120, **common)
    assert (long.code, "too long for the engine" in long.last["message"]) == (5, True)


def test_tiers_listen_to_more_of_the_stack(xtts: Program, engines: Path, data: Path) -> None:
    latents = []
    for tier in ("standard", "ultra"):
        long = [{"path": str(write(engines / f"{tier}.wav", np.tile(spoken(seed=2), 2)))}]
        result = done(xtts.run(operation="condition", engine=engine(engines), clips=long, tier=tier))
        latents.append(load_file(result["path"])["gpt_cond_latent"])
    assert not np.allclose(latents[0], latents[1])


def test_trained_cancelled_resumed_exported_and_all_voices_rebuilt(xtts: Program, engines: Path, data: Path) -> None:
    fields: dict[str, Any] = {
        "operation": "train",
        "engine": engine(engines),
        "manifest_path": data,
        "workdir": str(engines / "training"),
        "options": {"epochs": 6, "lr": 1e-3, "batch_size": 2},
    }
    first = xtts.stopped_at(3, **fields)
    assert first.code == 130, first.errors[-3_000:]
    run = Path(first.last["resume_dir"])
    assert first.last["checkpoint"] == f"checkpoint_{first.last['step']}.pth"
    loads(list(run.glob("*.pth")))

    # Half a checkpoint, as a kill in the middle of a save leaves it, is put aside.
    half = run / f"checkpoint_{first.last['step'] + 1}.pth"
    half.write_bytes((run / first.last["checkpoint"]).read_bytes()[:-900_000])
    second = xtts.run(**fields, resume_dir=run)
    result = done(second)
    assert second.of("run")[0]["resumed"]
    assert second.of("run")[0]["step"] >= first.last["step"]
    assert half.with_name(half.name + ".broken").exists()
    assert "put aside" in second.of("log")[0]["message"]
    epochs = second.of("epoch")
    assert epochs[-1]["epoch"] == epochs[-1]["of"] == 6
    assert epochs[-1]["eval_loss"] < epochs[0]["eval_loss"]
    assert result["resume_dir"] == str(run)

    new = engines / "versions" / "2"
    exported = xtts.run(operation="export", engine=engine(engines), run_dir=run, out_dir=new)
    made = done(exported)
    assert made["files"] == {path.name: sha256(path) for path in new.iterdir()}
    assert {line["name"] for line in exported.of("artifact")} == {"engine"}
    assert (new / "model.pth").stat().st_size < (run / "best_model.pth").stat().st_size / 2
    assert all(not path.stat().st_mode & stat.S_IWUSR for path in new.iterdir())
    assert made["describe"]["version"] != exported.of("engine")[0]["version"]

    old = done(xtts.run(operation="condition", engine=engine(engines), clips=voice(engines, "ada")))["path"]
    refused = xtts.run(
        operation="verify", engine=engine(engines, "versions/2"), conditioning_path=old, clips=voice(engines, "ada")
    )
    assert (refused.code, refused.last["error"]) == (5, "other_version")

    items = [{"voice": name, "clips": voice(engines, name)} for name in ("ada", "nobody", "bob")]
    rebuild = {"operation": "rebuild", "engine": engine(engines, "versions/2"), "items": items, "text": SAID}
    rebuilt = xtts.run(**rebuild)
    result = done(rebuilt)
    assert (result["done"], [failure["voice"] for failure in result["failed"]]) == (["ada", "bob"], ["nobody"])
    assert [line["name"] for line in rebuilt.of("artifact")] == ["conditioning", "sample"] * 2
    before, after = load_file(old), load_file(rebuilt.of("artifact")[0]["path"])
    assert not np.allclose(before["gpt_cond_latent"], after["gpt_cond_latent"])
    assert done(xtts.run(**rebuild))["kept"] == ["ada", "bob"]


def test_a_checkpoint_as_published_is_made_a_version_and_left_as_it_is(
    xtts: Program, engines: Path, data: Path
) -> None:
    original = engines / "original" / "model.pth"
    digest = sha256(original)
    refused = xtts.run(operation="condition", engine=engine(engines, "original"), clips=voice(engines, "ada"))
    assert refused.code == 3
    assert "make a version with export" in refused.last["message"]
    made = engines / "versions" / "1"
    done(xtts.run(operation="export", engine=engine(engines, "original"), run_dir=engines / "original", out_dir=made))
    assert sha256(original) == digest
    result = done(xtts.run(operation="condition", engine=engine(engines, "versions/1"), clips=voice(engines, "ada")))
    assert result["shapes"]["gpt_cond_latent"] == [1, 32, 64]


def test_what_the_trainer_would_skip_is_refused_by_line(xtts: Program, engines: Path, data: Path) -> None:
    write(engines / "long.wav", np.tile(spoken(), 2))
    write(engines / "short.wav", spoken()[4_000:12_000])
    lines = [json.loads(line) for line in data.read_text().splitlines()]
    lines[0]["audio_file"] = "long.wav"
    lines[1]["audio_file"] = "short.wav"
    lines[2]["text"] = "it costs 5 € #"
    lines[3]["language"] = "xx"
    path = engines / "bad.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    outcome = xtts.run(operation="train", engine=engine(engines), manifest_path=path)
    assert outcome.code == 5, outcome.errors[-3_000:]
    assert [problem.split(":")[0] for problem in outcome.last["problems"]] == ["line 1", "line 2", "line 3", "line 4"]
    assert not (engines / "work" / "run").exists()


def test_an_engine_that_only_speaks_does_not_train(xtts: Program, engines: Path, data: Path) -> None:
    speaking = engines / "speaking"
    speaking.mkdir()
    for name in ("config.json", "model.pth", "vocab.json"):
        os.link(engines / "tiny" / name, speaking / name)
    outcome = xtts.run(operation="train", engine=engine(engines, "speaking"), manifest_path=data)
    assert outcome.code == 3
    assert not outcome.of("engine")[0]["trains"]
    assert "dvae.pth, mel_stats.pth" in outcome.last["message"]
    missing = xtts.run(operation="train", engine=engine(engines, "none"), manifest_path=data)
    assert (missing.code, "lacks config.json" in missing.last["message"]) == (3, True)


def test_a_killed_worker_leaves_no_process_and_whole_checkpoints(xtts: Program, engines: Path, data: Path) -> None:
    fields: dict[str, Any] = {
        "operation": "train",
        "engine": engine(engines),
        "manifest_path": str(data),
        "workdir": str(engines / "orphan"),
        "options": {"epochs": 500, "save_step": 1_000},
    }
    spec = engines / "orphan.json"
    spec.write_text(json.dumps(order(engines, **fields)))
    worker = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'voice_pipeline', '--spec', sys.argv[1]],\n"
        "                         stdout=subprocess.PIPE, start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "for line in child.stdout:\n"
        "    print(line.decode(), end='', flush=True)\n"
    )
    process = subprocess.Popen(
        [PYTHON, "-c", worker, str(spec)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=xtts.environment,
        cwd=ROOT,
        text=True,
    )
    assert process.stdout
    child = psutil.Process(int(process.stdout.readline()))
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1].get("stage") == "train" and lines[-1]["done"] >= 3:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait(timeout=10)
    psutil.wait_procs([child], timeout=60)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    run = Path(next(line["resume_dir"] for line in lines if line["type"] == "run"))
    loads(list(run.glob("checkpoint_*.pth")))
