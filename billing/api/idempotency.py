"""The Idempotency-Key header: a caller's own name for a write that is no usage."""

import re

from django.http import HttpRequest

from billing.api.problems import invalid

HEADER = "Idempotency-Key"
PATTERN = r"^[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?$"
REPLAY = {"Idempotent-Replay": "true"}
_KEY = re.compile(PATTERN)


def idempotency_key(request: HttpRequest) -> str:
    """The key of `request`, empty without one. Raises Problem 400 unless it is 1 to 200 printable ASCII characters."""
    sent = request.headers.get(HEADER)
    if sent is None:
        return ""
    key = sent.strip(" \t")
    if not _KEY.fullmatch(key):
        raise invalid(f"{HEADER} has 1 to 200 printable ASCII characters.", parameter=HEADER)
    return key
