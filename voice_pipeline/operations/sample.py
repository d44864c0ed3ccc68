"""Let a voice speak."""

from typing import Any

from voice_pipeline.adapters.base import Engine
from voice_pipeline.audio.decode import decode
from voice_pipeline.reporting import Report
from voice_pipeline.spec import Sample


def run(order: Sample, engine: Engine, report: Report) -> dict[str, Any]:
    out = order.workdir / "sample.wav"
    report.progress("sample", 0, 1)
    engine.sample(order.conditioning_path, order.text, order.language, out, order.parsed_options())
    sound = decode(out)
    report.progress("sample", 1, 1)
    digest = report.artifact("sample", out, seconds=sound.seconds)
    return {"path": str(out), "sha256": digest, "seconds": sound.seconds, "rate": sound.source_rate}
