"""Stands in for the pipeline: keeps to its contract, quickly, except where `plan.json` in the store says otherwise.

{"refuse": {sha256: why}, "lacks": {tier: [message]}, "fail": {voice: why}, "unverified": [voice], "lie": word,
 "slow": seconds a step, "mute": seconds before it listens or speaks, "is_test": bool, "tone": bool}
"""

import hashlib
import json
import math
import os
import signal
import sys
import time
import wave
from pathlib import Path
from typing import Any

SPEC = json.load(sys.stdin)
ROOT = Path(os.environ["VOICE_ROOTS"])
PLAN: dict[str, Any] = json.loads((ROOT / "plan.json").read_text()) if (ROOT / "plan.json").exists() else {}
LIE = PLAN.get("lie")
WORK = Path(SPEC["workdir"])
numbers = iter(range(1, 1_000_000))
stopped = False


def say(type_: str, /, **data: Any) -> None:
    line = {"v": 1, "job": SPEC["job"], "seq": next(numbers), "at": time.time(), "type": type_, **data}
    print(json.dumps(line), flush=True)


def end(status: str, code: int, **data: Any) -> None:
    say("result", status=status, **data)
    sys.exit(code)


def stop(*_: Any) -> None:
    global stopped
    stopped = True


def written(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def spoken(path: Path, name: str) -> str:
    """Its sample: where the plan wants a tone, a second that can be heard."""
    if not PLAN.get("tone"):
        return written(path, f"RIFF{name}")
    pitch = 100 + hashlib.sha256(name.encode()).digest()[0]
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8_000)
        sound.writeframes(bytes(128 + int(60 * math.sin(2 * math.pi * pitch * n / 8_000)) for n in range(8_000)))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def inspect() -> dict[str, Any]:
    found = []
    for number, clip in enumerate(SPEC["clips"], 1):
        digest = hashlib.sha256(Path(clip["path"]).read_bytes()).hexdigest()
        if why := PLAN.get("refuse", {}).get(digest):
            found.append({"clip": number, "path": clip["path"], "refused": "too_long", "message": why})
            continue
        quality = {"speech_seconds": 8.0, "snr_db": 41.5, "clipped_ratio": 0.0, "bandwidth_hz": 9800, "rate": 22050}
        facts = {"format": "WAV", "subtype": "PCM_16", "rate": 22050, "channels": 1, "seconds": 9.1}
        found.append({"clip": number, "path": clip["path"], "sha256": digest, "quality": quality, **facts})
    if LIE == "one clip less":
        found.pop()
    lacks = PLAN.get("lacks", {})
    refused = [{"code": "refused", "message": f"clip {each['clip']}"} for each in found if "refused" in each]
    tiers = {
        tier: {"lacks": [*refused, *({"code": "snr_db", "message": text} for text in lacks.get(tier, []))]}
        for tier in ("standard", "premium", "ultra")
    }
    return {"clips": found, "tiers": tiers, "odd_one_out": len(found), "duplicates": []}


def engine() -> None:
    kind, folder = SPEC["engine"]["kind"], SPEC["engine"].get("engine_dir")
    version = hashlib.sha256(folder.encode()).hexdigest()[:8] if folder else "built-in"
    say("engine", kind=kind, is_test=PLAN.get("is_test", True), version=version, trains=True, speaks=True)


def rebuild() -> dict[str, Any]:
    for number, item in enumerate(SPEC["items"], 1):
        name = item["voice"]
        if stopped:
            end("cancelled", 130)
        time.sleep(PLAN.get("slow", 0))
        if why := PLAN.get("fail", {}).get(name):
            say("item", voice=name, status="failed", kept=False, message=why)
        elif name in PLAN.get("unverified", []):
            checks = [{"code": "audible", "passed": False, "message": "the sample is silent"}]
            say("item", voice=name, status="failed", kept=False, verify={"passed": False, "checks": checks})
        else:
            path = WORK / "voices" / name / "conditioning.safetensors"
            text = json.dumps([item, SPEC["engine"]])
            digest = written(path, text)
            if LIE == "another digest":
                digest = "0" * 64
            if LIE == "a file of ours":
                path = ROOT / "plan.json"
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
            say("artifact", name="conditioning", voice=name, path=str(path), bytes=len(text), sha256=digest)
            sample = WORK / "voices" / name / "sample.wav"
            say("artifact", name="sample", voice=name, path=str(sample), bytes=4, sha256=spoken(sample, name))
            say("item", voice=name, status="done", kept=False, verify={"passed": LIE != "not verified", "checks": []})
        say("progress", stage="rebuild", done=number, total=len(SPEC["items"]))
    if LIE == "says nothing of them":
        return {}
    return {"done": [], "kept": [], "failed": []}


def train() -> dict[str, Any]:
    run = Path(SPEC["resume_dir"]) if "resume_dir" in SPEC else WORK / "run"
    state = run / "checkpoint"
    step = int(state.read_text()) if state.exists() else 0
    total = 5 * SPEC["options"]["epochs"]
    say("run", resume_dir="/etc" if LIE == "another place" else str(run), resumed=step > 0, step=step)
    while step < total:
        step += 1
        time.sleep(PLAN.get("slow", 0))
        written(state, str(step))
        say("progress", stage="train", done=step, total=total, metrics={"loss": 10 / step})
        if step % 5 == 0:
            say("epoch", epoch=step // 5, of=total // 5, train_loss=10 / step, eval_loss=11 / step)
        if stopped:
            end("cancelled", 130, resume_dir=str(run), step=step, checkpoint=str(state))
    return {"resume_dir": str(run), "steps": step, "epochs": total // 5, "train_loss": 0.5, "eval_loss": 0.6}


def export() -> dict[str, Any]:
    out = Path(SPEC["out_dir"])
    files = {"model.safetensors": written(out / "model.safetensors", "weights")}
    if LIE == "another file":
        written(out / "extra", "x")
    facts = {"kind": SPEC["engine"]["kind"], "is_test": PLAN.get("is_test", True)}
    facts["version"] = hashlib.sha256(str(out).encode()).hexdigest()[:8]
    return {"engine_dir": str(out), "files": files, "describe": facts}


time.sleep(PLAN.get("mute", 0))
signal.signal(signal.SIGTERM, stop)
say("started", operation=SPEC["operation"])
if SPEC["operation"] != "inspect":
    engine()
say("log", level="info", message="going")
print("a line for the log", file=sys.stderr)
if PLAN.get("refused"):
    end("refused", 5, error="too_short", message="Nothing can be done with it.", problems=PLAN["refused"])
if PLAN.get("crash"):
    os.kill(os.getpid(), signal.SIGKILL)
result = {"inspect": inspect, "rebuild": rebuild, "train": train, "export": export}[SPEC["operation"]]()
say("result", status="done", seconds=0.1, result=result)
