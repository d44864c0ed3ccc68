"""What has to be paid, in both generations of the protocol: one answer that serves clients of either.

Version 1 reads the JSON body, version 2 the header PAYMENT-REQUIRED. https://github.com/coinbase/x402 has both
specifications.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from x402.http.utils import encode_payment_required_header
from x402.schemas import PaymentRequired, PaymentRequirements, ResourceInfo
from x402.schemas.v1 import PaymentRequiredV1, PaymentRequirementsV1

from billing.packs.x402.rails import TIMEOUT, Rail

SCHEME = "exact"
HEADER_V1, HEADER_V2 = "X-PAYMENT", "PAYMENT-SIGNATURE"
REQUIRED = "PAYMENT-REQUIRED"
RECEIPT_V1, RECEIPT_V2 = "X-PAYMENT-RESPONSE", "PAYMENT-RESPONSE"


@dataclass(frozen=True)
class Ask:
    """What one request has to pay. `units` are the token's smallest: a millionth of a dollar."""

    units: int
    url: str
    description: str


def required(rails: Sequence[Rail], ask: Ask, error: str) -> tuple[dict[str, Any], str]:
    """Body for version 1, header for version 2."""
    first = PaymentRequiredV1(error=error, accepts=[requirements_v1(rail, ask) for rail in rails])
    second = PaymentRequired(
        error=error,
        accepts=[requirements_v2(rail, ask) for rail in rails],
        resource=ResourceInfo(url=ask.url, description=ask.description, mime_type="application/json"),
    )
    body: dict[str, Any] = first.model_dump(by_alias=True, exclude_none=True)
    return body, encode_payment_required_header(second)


def requirements_v1(rail: Rail, ask: Ask) -> PaymentRequirementsV1:
    return PaymentRequirementsV1(
        scheme=SCHEME,
        network=rail.key,
        max_amount_required=str(ask.units),
        resource=ask.url,
        description=ask.description,
        mime_type="application/json",
        pay_to=rail.pay_to,
        max_timeout_seconds=TIMEOUT,
        asset=rail.asset,
        extra=_domain(rail),
    )


def requirements_v2(rail: Rail, ask: Ask) -> PaymentRequirements:
    return PaymentRequirements(
        scheme=SCHEME,
        network=rail.network,
        asset=rail.asset,
        amount=str(ask.units),
        pay_to=rail.pay_to,
        max_timeout_seconds=TIMEOUT,
        extra=_domain(rail),
    )


def _domain(rail: Rail) -> dict[str, Any]:
    """What the client has to sign for: it must be the contract's own."""
    return {"name": rail.token.name, "version": rail.token.version}
