"""Voices, engine versions and the work that makes one from the other."""

from billing.voices.models.engines import EngineChannel, EngineVersion
from billing.voices.models.jobs import VoiceJob, VoiceJobEvent, VoiceJobItem
from billing.voices.models.rollouts import Rollout, RolloutItem
from billing.voices.models.voices import Conditioning, ReferenceClip, Voice

__all__ = [
    "Conditioning",
    "EngineChannel",
    "EngineVersion",
    "ReferenceClip",
    "Rollout",
    "RolloutItem",
    "Voice",
    "VoiceJob",
    "VoiceJobEvent",
    "VoiceJobItem",
]
