"""Settling holds: recording what their request used."""

from typing import Any

from accounts.models import ApiKey
from billing.api import recording
from billing.api.calls import Call
from billing.api.holding import key_of
from billing.api.refusals import problems
from billing.metering.receipts import Receipt
from billing.usage.settle import settlement


def settle(*, call: Call, key: ApiKey, public_id: str, raw: object) -> Receipt:
    """Record the usage in `raw` against the hold. Raises Problem 400, 404, 409 or 422."""
    with problems():
        body = settlement(call.workspace.pk, key_of(public_id), raw)
    return recording.record_one(call=call, key=key, raw=body)


def settled(receipt: Receipt, public_id: str) -> dict[str, Any]:
    return {**recording.recorded(receipt), "hold": public_id}
