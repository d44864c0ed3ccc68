"""Train an engine version on a manifest."""

from typing import Any

from voice_pipeline import manifest
from voice_pipeline.adapters.base import Engine
from voice_pipeline.audio.prepare import PREPARED
from voice_pipeline.contract import Refused
from voice_pipeline.reporting import Report
from voice_pipeline.spec import Train


def run(order: Train, engine: Engine, report: Report) -> dict[str, Any]:
    rows = manifest.read(order.manifest_path)
    clips = manifest.prepare(rows, order.workdir / PREPARED, engine.rate, report)
    if problems := engine.unfit(clips):
        raise Refused(f"the manifest does not fit the engine: {problems[0]}", code="manifest", problems=problems[:50])
    return engine.train(clips, order.workdir, order.parsed_options(), order.resume_dir, report)
