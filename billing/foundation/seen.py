"""What somebody was shown before they decided, so that what they then do is known to rest on the same."""

import json
from hashlib import sha256

from django.core.exceptions import ValidationError


class SeenChanged(ValidationError):
    """What was shown before the decision is not what it would be about any more."""

    def __init__(self) -> None:
        super().__init__("It was changed meanwhile, and nothing was done. Look again: this is how it is now.")


def facts_digest(*facts: object) -> str:
    """The SHA-256, in hex."""
    return sha256(json.dumps(facts, default=str).encode()).hexdigest()
