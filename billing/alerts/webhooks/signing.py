"""Signatures of Standard Webhooks (https://www.standardwebhooks.com), version 1: HMAC-SHA256, a shared secret. Pure."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
BYTES = 32  # the standard: 24 to 64


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def signed_headers(secret_texts: Sequence[str], *, event_id: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers of a request that is sent at the Unix second `at`; one signature for each secret."""
    content = f"{event_id}.{at}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(_signature(text, content) for text in secret_texts),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
