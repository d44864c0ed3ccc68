"""Make what an engine needs to speak with a voice."""

from typing import Any

from voice_pipeline.adapters.base import Engine
from voice_pipeline.audio.prepare import prepared
from voice_pipeline.reporting import Report
from voice_pipeline.spec import Condition


def run(order: Condition, engine: Engine, report: Report) -> dict[str, Any]:
    out = order.workdir / "conditioning.safetensors"
    report.progress("condition", 0, 2)
    with prepared(order.clips, order.workdir, engine.rate) as clips:
        report.progress("condition", 1, 2)
        shapes = engine.condition(clips, out, order.parsed_options(), order.tier)
    report.progress("condition", 2, 2)
    digest = report.artifact("conditioning", out)
    return {"path": str(out), "sha256": digest, "clips": len(order.clips), "shapes": shapes}
