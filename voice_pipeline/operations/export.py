"""Make a new engine version of a trained run."""

import shutil
from typing import Any

from voice_pipeline.adapters.base import Engine
from voice_pipeline.adapters.kinds import load
from voice_pipeline.contract import Refused, SpecError
from voice_pipeline.reporting import Report
from voice_pipeline.roots import inside
from voice_pipeline.spec import Export


def run(order: Export, engine: Engine, report: Report) -> dict[str, Any]:
    out = order.out_dir
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Refused(f"{out.name} exists and is not empty: name a new folder", code="out_dir")
    try:
        part = inside(out.with_name(f".{out.name}.part"))
    except ValueError as error:
        raise SpecError("out_dir: must lie below a folder of VOICE_ROOTS") from error
    report.progress("export", 0, 1)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        engine.export(order.run_dir, part)
        part.replace(out)  # all files or none; an empty folder is replaced
    finally:
        shutil.rmtree(part, ignore_errors=True)
    made = load(order.engine.kind, out)
    files = {path.name: report.artifact("engine", path) for path in sorted(out.iterdir())}
    report.progress("export", 1, 1)
    return {"engine_dir": str(out), "files": files, "describe": made.describe().facts()}
