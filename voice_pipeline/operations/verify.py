"""Whether a conditioning can be put to use with an engine version."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from voice_pipeline.adapters.base import Engine
from voice_pipeline.audio.decode import decode
from voice_pipeline.audio.prepare import prepared
from voice_pipeline.audio.quality import quality
from voice_pipeline.contract import Refused
from voice_pipeline.reporting import Report
from voice_pipeline.spec import Verify

# Bounds that random noise and empty files break and that speech never reaches.
QUIETEST_DBFS = -50.0
MOST_CLIPPED = 0.02
SHORTEST_SECONDS = 0.3
LONGEST_SECONDS_PER_CHARACTER = 0.5
SHORTEST_LIMIT_SECONDS = 5.0


@dataclass(frozen=True)
class Check:
    code: str
    passed: bool
    message: str


def run(order: Verify, engine: Engine, report: Report) -> dict[str, Any]:
    report.progress("verify", 0, 2)
    with prepared(order.clips, order.workdir, engine.rate) as clips:
        report.progress("verify", 1, 2)
        found, sample = examine(
            engine,
            order.conditioning_path,
            clips,
            text=order.text,
            language=order.language,
            out=order.workdir / "verify.wav",
            options=order.parsed_options(),
        )
    report.progress("verify", 2, 2)
    if sample:
        found["sample"] = str(sample)
        report.artifact("sample", sample, seconds=decode(sample).seconds)
    return found


def examine(
    engine: Engine,
    conditioning: Path,
    clips: Sequence[Path],
    *,
    text: str | None,
    language: str,
    out: Path,
    options: BaseModel,
) -> tuple[dict[str, Any], Path | None]:
    """The result of `verify`, and the sample if one could be made and heard."""
    verdict = engine.verify(conditioning, clips)
    checks = [
        Check(
            "finite", verdict.finite, "all numbers are finite" if verdict.finite else "it holds numbers that are none"
        ),
        Check("shape", not verdict.shape, verdict.shape or "it fits the engine"),
    ]
    sample = None
    if text is not None and all(check.passed for check in checks):
        heard, sample = _spoken(engine, conditioning, text, language, out, options)
        checks += heard
    found = {
        "passed": all(check.passed for check in checks),
        "checks": [asdict(check) for check in checks],
        "scores": [round(score, 4) for score in verdict.scores],
        "calibrated": engine.describe().calibrated,
    }
    return found, sample


def _spoken(
    engine: Engine, conditioning: Path, text: str, language: str, out: Path, options: BaseModel
) -> tuple[list[Check], Path | None]:
    engine.sample(conditioning, text, language, out, options)
    try:
        sound = decode(out)
    except Refused as error:
        return [Check("spoken", False, f"the sample: {error}")], None
    facts = quality(sound)
    longest = max(SHORTEST_LIMIT_SECONDS, LONGEST_SECONDS_PER_CHARACTER * len(text))
    return [
        Check("spoken", True, "a sample was made"),
        Check("audible", facts.level_dbfs >= QUIETEST_DBFS, f"its level is {facts.level_dbfs:g} dBFS"),
        Check("unclipped", facts.clipped_ratio <= MOST_CLIPPED, f"{facts.clipped_ratio:.2%} of it is clipped"),
        Check(
            "duration",
            SHORTEST_SECONDS <= sound.seconds <= longest,
            f"it lasts {sound.seconds:g} s; {SHORTEST_SECONDS:g} to {longest:g} s are plausible",
        ),
    ], out
