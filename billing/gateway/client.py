"""How every call is made: our key, our API version, not for ever, and once for each idempotency key."""

from typing import Any

import stripe
from django.conf import settings
from django.db import connection

from billing.gateway.errors import NotConnected

CONNECT, READ = 3.05, 15.0  # seconds
RETRIES = 1  # by the SDK, with the same key, when the connection breaks or the server errs


def limit_waiting() -> None:
    """For all calls of this process, those of dj-stripe in webhooks as well."""
    stripe.default_http_client = stripe.RequestsClient(timeout=(CONNECT, READ))


def how(key: str = "") -> dict[str, Any]:
    """The options of a call. `key`: what Stripe does at most once. Raises NotConnected without an API key, RuntimeError
    within a transaction: no lock is held while Stripe is asked.
    """
    if _in_transaction():
        raise RuntimeError("Stripe is never asked within a transaction")
    if not settings.STRIPE_SECRET_KEY:
        raise NotConnected("there is no STRIPE_SECRET_KEY")
    options: dict[str, Any] = {
        "api_key": settings.STRIPE_SECRET_KEY,
        "stripe_version": settings.STRIPE_API_VERSION,
        "max_network_retries": RETRIES,
    }
    return options | ({"idempotency_key": key} if key else {})


def _in_transaction() -> bool:
    """As Django says it for `durable`: the transactions that tests are wrapped in do not count."""
    blocks = connection.atomic_blocks
    if not blocks:
        return connection.in_atomic_block
    return any(not getattr(block, "_from_testcase", False) for block in blocks)
