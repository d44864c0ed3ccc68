"""From a spec to an exit code."""

import argparse
import json
import os
import re
import sys
import time
import traceback
from typing import Any

from voice_pipeline import operations, spec, stopping
from voice_pipeline.contract import EXIT_CODES, Cancelled, PipelineError, Status
from voice_pipeline.reporting import Reporter
from voice_pipeline.workfolder import locked

# Nothing is ever downloaded, whatever a library would like to.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def main(arguments: list[str]) -> int:
    """The exit code. Signals are listened to by then."""
    parser = argparse.ArgumentParser(prog="voice_pipeline", description="Works on voices; see docs/voice-pipeline.md.")
    parser.add_argument("--spec", required=True, help="a JSON file, or - for standard input")
    source = parser.parse_args(arguments).spec
    os.environ.update(OFFLINE)
    report = Reporter()
    try:
        status, fields = _work(source, report)
    except Cancelled as stop:
        status, fields = "cancelled", stop.facts
    except PipelineError as error:
        status, fields = error.status, _told(error.code, str(error), error.problems)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        status, fields = "failed", _told(type(error).__name__, f"{type(error).__name__}: {error}", [])
    stopping.deafen()
    report.emit("result", status=status, **fields)
    return EXIT_CODES["cancelled" if report.unheard else status]


def _work(source: str, report: Reporter) -> tuple[Status, dict[str, Any]]:
    began = time.monotonic()
    content = spec.read(source)
    report.job = _job(content)
    order = spec.parse(content)
    with locked(order.workdir):
        report.emit("started", operation=order.operation)
        stopping.check()
        result = operations.run(order, report)
    return "done", {"seconds": round(time.monotonic() - began, 2), "result": result}


def _job(content: bytes) -> str:
    """The job of a spec that may be wrong in all else, so that even its refusal says which one it belongs to."""
    try:
        job = json.loads(content)["job"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "?"
    return job if isinstance(job, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,100}", job) else "?"


def _told(code: str, message: str, problems: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"error": code, "message": message[:1_000]}
    return told | {"problems": problems} if problems else told
