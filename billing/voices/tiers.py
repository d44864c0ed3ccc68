"""Quality tiers: what each is called, and what the clips of a voice must be like for it. Pure.

The numbers are those of the pipeline's contract, which measures; here they are only said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tier:
    """`key` is also the `tier` variant of its prices."""

    key: str
    name: str
    rank: int
    needs: str


TIERS: Mapping[str, Tier] = {
    tier.key: tier
    for tier in (
        Tier("standard", "Standard", 1, "3 s of speech, 15 dB above noise, 16 kHz, at most 1% clipped"),
        Tier("premium", "Premium", 2, "10 s of speech, 20 dB above noise, 22.05 kHz, at most 0.2% clipped"),
        Tier("ultra", "Ultra", 3, "30 s of speech, 30 dB above noise, 24 kHz, at most 0.05% clipped"),
    )
}
# A clip that was refused is not part of the stack, so it lacks the tier nothing.
NOT_OF_THE_STACK = "refused"


def assess(stack: str, inspected: Mapping[str, Any], positions: Sequence[int]) -> dict[str, Any]:
    """What an inspection says of the clips that it took, kept with the stack it is about. The pipeline numbers those
    that it was given from 1 on; `positions` says which clips of the voice these are, as pages number them.
    """
    tiers = inspected.get("tiers")
    found: dict[str, list[str]] = {}
    for key, one in tiers.items() if isinstance(tiers, dict) else ():
        lacks = one.get("lacks", []) if isinstance(one, dict) else []
        found[str(key)] = [
            _message(lack, positions)
            for lack in lacks
            if isinstance(lack, dict) and lack.get("code") != NOT_OF_THE_STACK
        ]
    odd, duplicates = inspected.get("odd_one_out"), inspected.get("duplicates")
    return {
        "stack": stack,
        "tiers": found,
        "odd_one_out": _position(odd, positions),
        "duplicates": [
            [_position(number, positions) for number in pair]
            for pair in (duplicates if isinstance(duplicates, list) else [])
            if isinstance(pair, list) and all(_position(number, positions) for number in pair)
        ],
    }


def _position(number: object, positions: Sequence[int]) -> int | None:
    return positions[number - 1] if isinstance(number, int) and 1 <= number <= len(positions) else None


def _message(lack: Mapping[str, Any], positions: Sequence[int]) -> str:
    said, number = str(lack.get("message") or "something"), lack.get("clip")
    position = _position(number, positions)
    own = f"clip {number}:"
    return f"clip {position}:{said.removeprefix(own)}" if position and said.startswith(own) else said


def lacking(assessment: Mapping[str, Any], stack: str, tier: str) -> list[str]:
    """What the clips of this stack lack for the tier, in sentences; empty: nothing."""
    if not stack:
        return ["There is no good clip yet."]
    if assessment.get("stack") != stack:
        return ["The clips have not been inspected as they are now."]
    found = assessment.get("tiers", {}).get(tier)
    if found is None:
        return ["The clips were not measured for this tier."]
    return [str(each) for each in found]
