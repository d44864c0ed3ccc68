"""Which clips make a voice, and the digests that say so."""

import json
from hashlib import sha256
from typing import Any

from billing.voices.models import ReferenceClip, Voice


def stack_of(voice: Voice) -> str:
    """SHA-256 of the digests of the good clips in order; empty when there is none."""
    good = voice.clips.filter(state=ReferenceClip.State.OK).order_by("position").values_list("sha256", flat=True)
    text = "\n".join(good)
    return sha256(text.encode()).hexdigest() if text else ""


def options_hash(options: dict[str, Any]) -> str:
    return sha256(json.dumps(options, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
