"""The facilitator: it checks signatures and balances, and sends payments to the network. It is asked, not believed:
credits come only when the network shows the transfer (`chain`).
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from django.conf import settings
from pydantic import ValidationError
from x402.schemas import SettleResponse, SupportedResponse, VerifyResponse

from billing.packs.x402.errors import NoAnswer
from billing.packs.x402.presented import Payload, Requirements

TIMEOUT = 20.0  # seconds; a web worker waits for it
# It was sent and is not in a block yet: the same bytes once more find it, and send nothing.
PENDING = "settlement_pending"
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Settled:
    """What became of a payment, as far as the facilitator knows. "unknown": it may have moved money, or not.
    `transaction` of one that was "refused": that of a try which the network turned down.
    """

    outcome: Literal["done", "refused", "unknown"]
    transaction: str = ""
    problem: str = ""


def supported(*, timeout: float = TIMEOUT) -> set[tuple[int, str, str]]:
    """Version, scheme and network of every kind of payment that it takes; `timeout` in seconds. Raises NoAnswer."""
    try:
        with _client() as client:
            answer = client.get("supported", timeout=timeout).raise_for_status()
        kinds = SupportedResponse.model_validate(answer.json()).kinds
        return {(kind.x402_version, kind.scheme, str(kind.network)) for kind in kinds}
    except httpx.HTTPStatusError as error:
        raise NoAnswer(f"HTTP {error.response.status_code}") from error
    except (httpx.HTTPError, ValueError) as error:
        raise NoAnswer(type(error).__name__) from error


def verify(payload: Payload, requirements: Requirements) -> VerifyResponse:
    """Whether the payment is good; nothing moves. Raises NoAnswer."""
    try:
        answer = _post("verify", payload, requirements)
        if answer.status_code >= 500:
            raise NoAnswer(f"verify: HTTP {answer.status_code}")
        return VerifyResponse.model_validate(answer.json())
    except (httpx.HTTPError, ValueError) as error:
        raise NoAnswer(f"verify: {type(error).__name__}") from error


def settle(payload: Payload, requirements: Requirements) -> Settled:
    """Have the money moved. Whatever goes wrong on the way, the outcome is unknown."""
    first = _settle(payload, requirements)
    if first.problem != PENDING or not first.transaction:
        return first
    second = _settle(payload, requirements)
    return second if second.outcome == "done" else first


def _settle(payload: Payload, requirements: Requirements) -> Settled:
    try:
        answer = _post("settle", payload, requirements)
        found = SettleResponse.model_validate(answer.json())
    except (httpx.HTTPError, ValueError, ValidationError) as error:
        return Settled("unknown", problem=type(error).__name__)
    problem = (found.error_reason or "")[:200].replace("\0", "")
    transaction = found.transaction if _HASH.fullmatch(found.transaction or "") else ""
    if found.success:
        return Settled("done", transaction)
    if answer.status_code >= 500 or problem == PENDING:
        return Settled("unknown", transaction, problem or f"HTTP {answer.status_code}")
    return Settled("refused", transaction, problem or "settle_failed")


def _post(path: str, payload: Payload, requirements: Requirements) -> httpx.Response:
    body: dict[str, Any] = {
        "x402Version": payload.x402_version,
        "paymentPayload": payload.model_dump(by_alias=True, exclude_none=True, mode="json"),
        "paymentRequirements": requirements.model_dump(by_alias=True, exclude_none=True, mode="json"),
    }
    with _client() as client:
        return client.post(path, json=body)


def _client() -> httpx.Client:
    """No redirects: a signed authorization goes to nobody else."""
    token = settings.X402_FACILITATOR_TOKEN
    return httpx.Client(
        base_url=settings.X402_FACILITATOR_URL + "/",
        timeout=TIMEOUT,
        follow_redirects=False,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        trust_env=False,
    )
