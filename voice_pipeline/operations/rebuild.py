"""Condition many voices with one loaded engine."""

import hashlib
import json
from pathlib import Path
from typing import Any

from voice_pipeline import stopping
from voice_pipeline.adapters.base import Engine
from voice_pipeline.adapters.kinds import options_of
from voice_pipeline.audio.decode import decode
from voice_pipeline.audio.prepare import prepared
from voice_pipeline.contract import Refused
from voice_pipeline.files import sha256, whole
from voice_pipeline.operations.verify import examine
from voice_pipeline.reporting import Report
from voice_pipeline.spec import Item, Rebuild

CONDITIONING, SAMPLE, DONE = "conditioning.safetensors", "sample.wav", "done.json"


def run(order: Rebuild, engine: Engine, report: Report) -> dict[str, Any]:
    """A bad voice fails alone. What an earlier run of the same order has finished is kept."""
    done, kept = [], []
    failed: list[dict[str, str]] = []
    version = engine.describe().version
    for number, item in enumerate(order.items, 1):
        stopping.check()
        folder = order.workdir / "voices" / f"{item.voice}-{_key(order, item, version)}"
        verify = _finished(folder)
        if was_kept := verify is not None:
            kept.append(item.voice)
        try:
            verify = verify or _build(order, item, engine, folder)
        except (Refused, OSError) as error:
            failed.append({"voice": item.voice, "message": str(error)[:300]})
            report.emit("item", voice=item.voice, status="failed", kept=False, message=str(error)[:300])
        else:
            _tell(item, folder, report)
            if verify["passed"]:
                done.append(item.voice)
                report.emit("item", voice=item.voice, status="done", kept=was_kept, verify=verify)
            else:
                message = "; ".join(check["message"] for check in verify["checks"] if not check["passed"])
                failed.append({"voice": item.voice, "message": message})
                report.emit("item", voice=item.voice, status="failed", kept=False, verify=verify, message=message)
        report.progress("rebuild", number, len(order.items))
    return {"done": done, "kept": kept, "failed": failed}


def _build(order: Rebuild, item: Item, engine: Engine, folder: Path) -> dict[str, Any]:
    out = folder / CONDITIONING
    with prepared(item.clips, folder, engine.rate) as clips:
        engine.condition(clips, out, order.parsed_options(item.options), item.tier or order.tier)
        verify, _ = examine(
            engine,
            out,
            clips,
            text=item.text or order.text,
            language=item.language or order.language,
            out=folder / SAMPLE,
            options=options_of(order.engine.kind, "verify")(),
        )
    if verify["passed"]:
        finished = {"verify": verify, "sha256": sha256(out)}
        with whole(folder / DONE) as part:
            part.write_text(json.dumps(finished))
    return verify


def _finished(folder: Path) -> dict[str, Any] | None:
    """What an earlier run found of a voice, when its file is still the one that it wrote."""
    try:
        finished = json.loads((folder / DONE).read_text())
        if finished["sha256"] == sha256(folder / CONDITIONING):
            found: dict[str, Any] = finished["verify"]
            return found
    except (OSError, ValueError, KeyError, TypeError):
        return None  # built anew
    return None


def _tell(item: Item, folder: Path, report: Report) -> None:
    report.artifact("conditioning", folder / CONDITIONING, voice=item.voice)
    sample = folder / SAMPLE
    if sample.exists():
        report.artifact("sample", sample, voice=item.voice, seconds=decode(sample).seconds)


def _key(order: Rebuild, item: Item, version: str) -> str:
    """Names all that a conditioning depends on, the clips by their content."""
    clips = [clip.sha256 or _digest(clip.path) for clip in item.clips]
    text, language = item.text or order.text, item.language or order.language
    options = order.parsed_options(item.options).model_dump()
    parts = [order.engine.kind, version, item.tier or order.tier, clips, options, text, language]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return "missing"  # the clip is refused with its reason when the voice is built
