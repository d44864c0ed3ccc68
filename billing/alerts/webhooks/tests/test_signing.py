"""Signatures, verified by the library that the standard publishes."""

import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from billing.alerts.webhooks.signing import BYTES, new_secret, signed_headers

BODY = b'{"type":"balance.low","data":{"balance":0.1}}'


def test_the_standards_library_accepts_it() -> None:
    secret = new_secret()
    headers = signed_headers([secret], event_id="msg_1", at=int(time.time()), body=BODY)
    assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)


def test_a_published_example_has_its_published_signature() -> None:
    """From the standard's own tests."""
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("changed", ["body", "id", "timestamp", "secret"])
def test_whatever_is_changed_is_noticed(changed: str) -> None:
    secret, at = new_secret(), int(time.time())
    headers = signed_headers([secret], event_id="msg_1", at=at, body=BODY)
    body = BODY + b" " if changed == "body" else BODY
    if changed == "id":
        headers["webhook-id"] = "msg_2"
    if changed == "timestamp":
        headers["webhook-timestamp"] = str(at + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret() if changed == "secret" else secret).verify(body, headers)


def test_with_two_secrets_either_verifies() -> None:
    new, former = new_secret(), new_secret()
    headers = signed_headers([new, former], event_id="msg_1", at=int(time.time()), body=BODY)
    assert Webhook(new).verify(BODY, headers) == Webhook(former).verify(BODY, headers)


def test_secrets_are_long_and_differ() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert BYTES >= 24
