"""What the engine says of itself, held against what the version's row says."""

from typing import Any

from django.core.exceptions import ValidationError

from billing.voices import store
from billing.voices.errors import BadResult
from billing.voices.models import EngineVersion, VoiceJob


def version_of(job: VoiceJob) -> EngineVersion:
    if job.engine_version is None:
        raise ValidationError("The job names no engine version.")
    return job.engine_version


def engine_spec(version: EngineVersion) -> dict[str, str]:
    spec = {"kind": version.family}
    if version.rel_dir:
        spec["engine_dir"] = str(store.absolute(version.rel_dir))
    return spec


def check_engine(version: EngineVersion, facts: dict[str, Any]) -> None:
    """Raises BadResult where the engine that runs is not the one that the row is about."""
    if facts.get("kind") != version.family:
        raise BadResult(f"another engine ran: {facts.get('kind')}")
    if facts.get("is_test") is not False and not version.is_test:
        raise BadResult("the engine says that it is a test engine, and the version was registered as a real one")
    known = version.params.get("version")
    if known and facts.get("version") != known:
        raise BadResult("the files of the version have changed since it was registered")
