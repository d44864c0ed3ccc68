"""What a stack of clips is worth, and what each tier still lacks."""

from dataclasses import asdict
from typing import Any

from voice_pipeline import stopping
from voice_pipeline.audio.decode import Decoded, decode
from voice_pipeline.audio.fingerprint import Vector, duplicates, fingerprint, likeness, odd_one_out
from voice_pipeline.audio.quality import Quality, quality
from voice_pipeline.contract import Refused
from voice_pipeline.reporting import Report
from voice_pipeline.spec import Clip, Inspect
from voice_pipeline.tiers import TIER_RULES, lacks


def run(order: Inspect, report: Report) -> dict[str, Any]:
    told: list[dict[str, Any]] = []
    qualities: dict[int, Quality] = {}
    prints: dict[int, Vector] = {}
    refused: dict[int, str] = {}
    for number, clip in enumerate(order.clips, 1):
        stopping.check()
        try:
            sound = decode(clip.path, clip.sha256)
        except Refused as error:
            refused[number] = str(error)
            told.append(_named(number, clip) | {"refused": error.code, "message": str(error)})
        else:
            qualities[number] = quality(sound)
            prints[number] = fingerprint(sound.samples, sound.rate)
            told.append(_named(number, clip) | _facts(sound) | {"quality": asdict(qualities[number])})
        report.progress("inspect", number, len(order.clips))
    rules = order.parsed_options().tier_rules or TIER_RULES
    missing = {tier: lacks(rule, qualities, refused) for tier, rule in rules.items()}
    reached = [tier for tier, found in missing.items() if not found]
    return {
        "clips": told,
        "likeness": [[round(likeness(a, b), 4) for b in prints.values()] for a in prints.values()],
        "duplicates": duplicates(prints),
        "odd_one_out": odd_one_out(prints),
        "tiers": {
            tier: {"reached": not found, "lacks": [asdict(lack) for lack in found]} for tier, found in missing.items()
        },
        "tier": order.tier,
        "problems": [lack.message for lack in missing[order.tier]],
        "best_tier": reached[-1] if reached else None,
    }


def _named(number: int, clip: Clip) -> dict[str, Any]:
    return {"clip": number, "path": str(clip.path)}


def _facts(sound: Decoded) -> dict[str, Any]:
    return {
        "format": sound.format,
        "subtype": sound.subtype,
        "rate": sound.source_rate,
        "channels": sound.channels,
        "bytes": sound.size,
        "sha256": sound.sha256,
        "seconds": sound.seconds,
    }
