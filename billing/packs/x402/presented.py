"""A payment as it was presented, read strictly: everything that can be told without the network. Pure.

The requirement is built anew from the request; nothing of what the client says it was asked is believed. Whether the
signature is the payer's and the payer has the money, the facilitator says: wallets that are contracts need the chain.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from x402.schemas import PaymentPayload, PaymentRequirements
from x402.schemas.v1 import PaymentPayloadV1, PaymentRequirementsV1

from billing.packs.x402.errors import Malformed, NotAccepted
from billing.packs.x402.rails import TIMEOUT, Rail
from billing.packs.x402.requirements import SCHEME, Ask, requirements_v1, requirements_v2

MOST_BYTES = 8192
# int() alone would also take "1_0", " 10", "+10" and digits of other scripts.
_UNSIGNED = re.compile(r"[0-9]{1,78}", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_NONCE = re.compile(r"0x[0-9a-fA-F]{64}")
_SIGNATURE = re.compile(r"0x([0-9a-fA-F]{2}){65,4096}")  # longer ones are of wallets that are contracts
_FIELDS = {
    "from": _ADDRESS,
    "to": _ADDRESS,
    "value": _UNSIGNED,
    "validAfter": _UNSIGNED,
    "validBefore": _UNSIGNED,
    "nonce": _NONCE,
}
AT_LEAST = 6  # seconds that have to be left: a block or three
NOT_BEYOND = TIMEOUT + 60  # nobody should hold authorizations that are good for long

_MODELS: dict[object, type[PaymentPayload | PaymentPayloadV1]] = {1: PaymentPayloadV1, 2: PaymentPayload}
Payload = PaymentPayload | PaymentPayloadV1
Requirements = PaymentRequirements | PaymentRequirementsV1


@dataclass(frozen=True)
class Presented:
    """An EIP-3009 authorization over exactly what was asked. Addresses and nonce are in lower case."""

    version: int
    payload: Payload
    requirements: Requirements
    rail: Rail
    payer: str
    nonce: str
    units: int
    valid_before: int  # seconds since 1970
    digest: str  # SHA-256 of what was sent


def presented(header: str, rails: Sequence[Rail], ask: Ask, *, now: int) -> Presented:
    """`now` in seconds since 1970. Raises Malformed, NotAccepted."""
    raw, content = _decoded(header)
    version = content.get("x402Version")
    payload = _payload(version, content)
    if payload.get_scheme() != SCHEME:
        raise NotAccepted("unsupported_scheme")
    network = payload.get_network()
    rail = next((each for each in rails if network == (each.key if version == 1 else each.network)), None)
    if rail is None:
        raise NotAccepted("invalid_network")
    requirements = _requirements(payload, rail, ask)
    fields = _authorization(payload.payload)
    _check(fields, rail, ask, now)
    inner = {"signature": payload.payload["signature"], "authorization": fields}
    return Presented(
        version=payload.x402_version,
        payload=_rebuilt(requirements, network, inner),
        requirements=requirements,
        rail=rail,
        payer=fields["from"].lower(),
        nonce=fields["nonce"].lower(),
        units=int(fields["value"]),
        valid_before=int(fields["validBefore"]),
        digest=hashlib.sha256(raw).hexdigest(),
    )


def _decoded(header: str) -> tuple[bytes, dict[str, Any]]:
    if len(header) > MOST_BYTES:
        raise Malformed(f"The payment header is longer than {MOST_BYTES:,} bytes.")
    try:
        raw = base64.b64decode(header, validate=True)
        content = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Malformed("The payment header is no base64 of a JSON object.") from error
    if not isinstance(content, dict):
        raise Malformed("The payment header is no base64 of a JSON object.")
    return raw, content


def _payload(version: object, content: Mapping[str, Any]) -> Payload:
    model = _MODELS.get(version) if type(version) is int else None
    if model is None:
        raise Malformed("x402Version is 1 or 2.")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Malformed(f"The payment is not as x402 version {version} describes it, at {place}.") from error


def _requirements(payload: Payload, rail: Rail, ask: Ask) -> Requirements:
    """Ours; what version 2 says it accepted has to be the same."""
    if isinstance(payload, PaymentPayloadV1):
        return requirements_v1(rail, ask)
    ours, theirs = requirements_v2(rail, ask), payload.accepted
    same = (
        theirs.asset.lower() == ours.asset.lower()
        and theirs.pay_to.lower() == ours.pay_to.lower()
        and theirs.amount == ours.amount
        and theirs.max_timeout_seconds == ours.max_timeout_seconds
        and all((theirs.extra or {}).get(name) == value for name, value in (ours.extra or {}).items())
    )
    if not same:
        raise NotAccepted("requirements_mismatch", "What was accepted is not what is asked for here.")
    return ours


def _rebuilt(requirements: Requirements, network: str, inner: dict[str, Any]) -> Payload:
    """What is sent on and kept: nothing that was not read here."""
    if isinstance(requirements, PaymentRequirementsV1):
        return PaymentPayloadV1(x402_version=1, scheme=SCHEME, network=network, payload=inner)
    return PaymentPayload(x402_version=2, accepted=requirements, payload=inner)


def _authorization(inner: Mapping[str, Any]) -> dict[str, str]:
    given = inner.get("authorization")
    if not isinstance(given, dict) or "permit2Authorization" in inner:
        raise NotAccepted("unsupported_asset_transfer_method", "Only EIP-3009 authorizations are taken.")
    signature = inner.get("signature")
    if not isinstance(signature, str) or not _SIGNATURE.fullmatch(signature):
        raise Malformed("The signature is 0x and at least 65 bytes in hexadecimal digits.")
    for name, pattern in _FIELDS.items():
        value = given.get(name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise Malformed(f"authorization.{name} is missing or malformed; all its fields are strings.")
    return {name: given[name] for name in _FIELDS}


def _check(fields: Mapping[str, str], rail: Rail, ask: Ask, now: int) -> None:
    if fields["to"].lower() != rail.pay_to.lower():
        raise NotAccepted("invalid_exact_evm_payload_recipient_mismatch")
    if int(fields["value"]) != ask.units:
        raise NotAccepted("invalid_exact_evm_payload_authorization_value_mismatch")
    if int(fields["validAfter"]) > now:
        raise NotAccepted("invalid_exact_evm_payload_authorization_valid_after")
    if int(fields["validBefore"]) < now + AT_LEAST:
        raise NotAccepted("invalid_exact_evm_payload_authorization_valid_before")
    if int(fields["validBefore"]) > now + NOT_BEYOND:
        raise NotAccepted("authorization_window_too_long", f"Sign for {TIMEOUT} seconds at most.")
