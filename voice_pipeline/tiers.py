"""What a stack of reference clips must offer for each tier of quality."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from voice_pipeline.audio.quality import Quality
from voice_pipeline.strict import Strict

Number = Annotated[float, Field(ge=0)]


class TierRule(Strict):
    """The least of a tier; `clipped_ratio` is the most."""

    speech_seconds: Number  # over the whole stack
    snr_db: Number
    rate: Annotated[int, Field(ge=1)]  # Hz
    clipped_ratio: Annotated[float, Field(ge=0, le=1)]
    bandwidth_hz: Number


TierRules = dict[str, TierRule]

# Lowest first.
TIER_RULES: TierRules = {
    "standard": TierRule(speech_seconds=3, snr_db=15, rate=16_000, clipped_ratio=0.01, bandwidth_hz=5_000),
    "premium": TierRule(speech_seconds=10, snr_db=20, rate=22_050, clipped_ratio=0.002, bandwidth_hz=6_000),
    "ultra": TierRule(speech_seconds=30, snr_db=30, rate=24_000, clipped_ratio=0.0005, bandwidth_hz=7_000),
}


class InspectOptions(Strict):
    tier_rules: Annotated[dict[str, TierRule], Field(min_length=1, max_length=5)] | None = None


@dataclass(frozen=True)
class Lack:
    """One thing that keeps a stack from a tier; `clip` is its number from 1, None for the stack."""

    code: str
    clip: int | None
    has: float
    needs: float
    message: str


def lacks(rule: TierRule, clips: dict[int, Quality], refused: dict[int, str]) -> list[Lack]:
    """All that the accepted clips (by number) lack for a rule; a refused clip counts as a lack, too."""
    found = [Lack("refused", number, 0, 0, f"clip {number}: {why}") for number, why in refused.items()]
    if not clips:
        return [*found, Lack("no_clips", None, 0, 1, "there is no usable clip")]
    speech = round(sum(clip.speech_seconds for clip in clips.values()), 2)
    if speech < rule.speech_seconds:
        message = f"{speech:.1f} s of speech; {rule.speech_seconds:g} s are needed: add longer or more clips"
        found.append(Lack("speech_seconds", None, speech, rule.speech_seconds, message))
    for number, clip in clips.items():
        found += _of_clip(rule, number, clip)
    return found


def _of_clip(rule: TierRule, number: int, clip: Quality) -> list[Lack]:
    found = []
    if clip.snr_db < rule.snr_db:
        told = f"{clip.snr_db:g} dB signal to noise; {rule.snr_db:g} dB are needed: record in a quieter place"
        found.append(("snr_db", clip.snr_db, rule.snr_db, told))
    if clip.rate < rule.rate:
        told = f"sampled at {clip.rate} Hz; {rule.rate} Hz are needed: export it at its original rate"
        found.append(("rate", clip.rate, rule.rate, told))
    if clip.clipped_ratio > rule.clipped_ratio:
        told = (
            f"{clip.clipped_ratio:.2%} of the samples are clipped; at most {rule.clipped_ratio:.2%}: record less loud"
        )
        found.append(("clipped_ratio", clip.clipped_ratio, rule.clipped_ratio, told))
    if clip.bandwidth_hz < rule.bandwidth_hz:
        why = (
            "it comes from a telephone or was upsampled" if clip.upsampled else "it is muffled, or noise hides the rest"
        )
        told = f"no speech above {clip.bandwidth_hz} Hz; up to {rule.bandwidth_hz:g} Hz is needed: {why}"
        found.append(("bandwidth_hz", clip.bandwidth_hz, rule.bandwidth_hz, told))
    return [Lack(code, number, has, needs, f"clip {number}: {told}") for code, has, needs, told in found]
