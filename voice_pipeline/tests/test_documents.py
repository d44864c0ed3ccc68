"""What the contract's document and the pinned environment promise is what the code does."""

import re

import pytest

from voice_pipeline.adapters.kinds import options_of
from voice_pipeline.contract import EXIT_CODES, OPERATIONS
from voice_pipeline.spec import Condition, Export, Inspect, Rebuild, Sample, Train, Verify
from voice_pipeline.tests.conftest import ROOT
from voice_pipeline.tiers import TIER_RULES

DOCUMENT = (ROOT / "docs" / "voice-pipeline.md").read_text()
ORDERS = (Inspect, Condition, Verify, Sample, Train, Export, Rebuild)
SHARED = {"contract", "job", "workdir", "operation", "options"}


def rows(head: str) -> list[list[str]]:
    """The cells of the table whose first line begins so, without that line."""
    table = re.search(rf"^{re.escape(head)}.*\n((?:\|.*\n)+)", DOCUMENT, re.M)
    assert table
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[1].splitlines()[1:]]


def test_the_tiers() -> None:
    told = {}
    for name, *cells in rows("| tier | speech"):
        told[name.strip("`")] = [float(re.sub(r"[^\d.]", "", cell)) for cell in cells]
    assert told == {
        name: [rule.speech_seconds, rule.snr_db, rule.rate, pytest.approx(rule.clipped_ratio * 100), rule.bandwidth_hz]
        for name, rule in TIER_RULES.items()
    }


def test_the_exit_codes() -> None:
    assert {status.strip("`"): int(code) for code, status, _ in rows("| code | status")} == EXIT_CODES


@pytest.mark.parametrize("order", ORDERS)
def test_the_fields_and_options_of_each_operation(order: type) -> None:
    name = order.model_fields["operation"].annotation.__args__[0]
    assert name in OPERATIONS
    table = {cells[0].strip("`"): cells[1:] for cells in rows("| operation | required")}
    required, optional, options = table[name]
    told = [set(re.findall(r"`(\w+)`", cell)) for cell in (required, optional)]
    fields = {key: field.is_required() for key, field in order.model_fields.items() if key not in SHARED}
    assert told[0] == {key for key, needed in fields.items() if needed}
    assert told[1] == {key for key, needed in fields.items() if not needed}
    if name == "inspect":
        known = {"tier_rules"}
    else:
        known = {key for kind in ("light", "xtts") for key in options_of(kind, name).model_fields}
    if "those of" not in options:
        assert set(re.findall(r"`(\w+)`", options)) - {"light", "xtts"} == known


def test_the_voice_environment_is_pinned_and_shares_what_the_program_runs_on() -> None:
    lines = [line for line in (ROOT / "requirements-voice.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    voice = dict(line.split("==") for line in lines)
    portal = dict(
        line.split("==") for line in (ROOT / "requirements.txt").read_text().splitlines() if re.match(r"[\w-]+==", line)
    )
    for name in ("numpy", "pydantic", "safetensors", "soundfile", "soxr"):
        assert voice[name] == portal[name]
