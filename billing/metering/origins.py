"""Whose event ids: of a class of key, or of one source of CloudEvents that a class of key reports. Pure.

A source counts within its class of key, so that no customer can take an id of the operator's.
"""

from hashlib import sha256

LONGEST = 200
KEY_CLASSES = ("workspace", "service")  # a hold of another origin is for no request: no key can resolve it
_SPELLED, _DIGESTED = "ce", "ce-sha256"


def cloud_origin(key_class: str, source: str) -> str:
    """The origin of CloudEvents: "ce:service:/billing/eu", or a digest of a source too long to be kept."""
    origin = f"{_SPELLED}:{key_class}:{source}"
    return origin if len(origin) <= LONGEST else f"{_DIGESTED}:{key_class}:{sha256(source.encode()).hexdigest()}"


def key_class(origin: str) -> str:
    """The class of key that reports under `origin`."""
    kind, colon, rest = origin.partition(":")
    return rest.partition(":")[0] if colon and kind in (_SPELLED, _DIGESTED) else origin
