"""What an x402 facilitator is asked: which payments it takes, whether one is good, and to have it sent.

Documents and words as in https://github.com/coinbase/x402, both versions; only wallets with a key of their own.
"""

import time
from typing import Any

from pydantic import ValidationError
from x402.schemas import (
    PaymentPayload,
    PaymentRequirements,
    SettleResponse,
    SupportedKind,
    SupportedResponse,
    VerifyResponse,
)
from x402.schemas.v1 import PaymentPayloadV1, PaymentRequirementsV1

from portal.standin_usdc.chain import Chain, Reverted
from portal.standin_usdc.signing import LENGTH, Authorization

SCHEME = "exact"
AT_LEAST = 6  # seconds that have to be left when it is asked for
_MODELS: dict[object, tuple[Any, Any]] = {
    1: (PaymentPayloadV1, PaymentRequirementsV1),
    2: (PaymentPayload, PaymentRequirements),
}
_PREFIX = "invalid_exact_evm_payload_"


class BadRequest(Exception):
    """No question that a facilitator understands."""


class Facilitator:
    def __init__(self, chain: Chain, key: str, *, pay_to: str = "") -> None:
        """`key`: the network as version 1 of the protocol writes it. `pay_to`: the only address that may be paid."""
        self.chain, self._pay_to = chain, pay_to.lower()
        self._names = {1: key, 2: chain.token.network}

    def supported(self) -> dict[str, Any]:
        kinds = [SupportedKind(x402_version=each, scheme=SCHEME, network=name) for each, name in self._names.items()]
        return _document(SupportedResponse(kinds=kinds))

    def verify(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Nothing moves. Raises BadRequest."""
        version, payload, requirements = _read(asked)
        wanted, signature = _authorization(payload.payload)
        problem = self._objection(version, payload, requirements, wanted, signature)
        if not problem:
            try:
                self.chain.check(wanted, signature)
            except Reverted as reverted:
                problem = reverted.code
        return _document(VerifyResponse(is_valid=not problem, invalid_reason=problem or None, payer=wanted.payer))

    def settle(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The transfer is in a block when this answers. Raises BadRequest."""
        version, payload, requirements = _read(asked)
        wanted, signature = _authorization(payload.payload)
        problem, transaction = self._objection(version, payload, requirements, wanted, signature), ""
        if not problem:
            try:
                transaction = self.chain.transfer(wanted, signature).hash
            except Reverted as reverted:
                problem = reverted.code
        said = SettleResponse(
            success=not problem,
            error_reason=problem or None,
            transaction=transaction,
            network=requirements.network,
            payer=wanted.payer,
        )
        return _document(said)

    def _objection(self, version: int, payload: Any, requirements: Any, wanted: Authorization, signature: bytes) -> str:
        """Why the payment is not what is required; empty when it is. The rest is the contract's."""
        token = self.chain.token
        theirs = payload if version == 1 else payload.accepted
        amount = requirements.max_amount_required if version == 1 else requirements.amount
        extra = requirements.extra or {}
        objections = {
            "recipient_not_served": self._pay_to not in ("", requirements.pay_to.lower()),
            "unsupported_scheme": {theirs.scheme, requirements.scheme} != {SCHEME},
            "network_mismatch": theirs.network != requirements.network,
            "invalid_exact_evm_failed_to_get_network_config": requirements.network != self._names[version],
            "asset_not_deployed_contract": requirements.asset.lower() != token.asset.lower(),
            "missing_eip712_domain": not {"name", "version"} <= extra.keys(),
            "invalid_exact_evm_token_name_mismatch": extra.get("name", token.name) != token.name,
            "invalid_exact_evm_token_version_mismatch": extra.get("version", token.version) != token.version,
            f"{_PREFIX}recipient_mismatch": wanted.to.lower() != requirements.pay_to.lower(),
            f"{_PREFIX}authorization_value_mismatch": str(wanted.value) != amount,
            f"{_PREFIX}authorization_valid_before": wanted.valid_before < int(time.time()) + AT_LEAST,
            # One of another length is meant for a contract, and there is none.
            f"{_PREFIX}undeployed_smart_wallet": len(signature) != LENGTH,
        }
        return next((code for code, wrong in objections.items() if wrong), "")


def _read(asked: dict[str, Any]) -> tuple[int, Any, Any]:
    version = asked.get("x402Version")
    if type(version) is not int or version not in _MODELS:
        raise BadRequest("x402Version is 1 or 2.")
    payload, requirements = _MODELS[version]
    try:
        return (
            version,
            payload.model_validate(asked.get("paymentPayload")),
            requirements.model_validate(asked.get("paymentRequirements")),
        )
    except ValidationError as error:
        raise BadRequest(str(error)) from error


def _authorization(inner: dict[str, Any]) -> tuple[Authorization, bytes]:
    try:
        given = inner["authorization"]
        wanted = Authorization(
            payer=_hex(given["from"], 20),
            to=_hex(given["to"], 20),
            value=_number(given["value"]),
            valid_after=_number(given["validAfter"]),
            valid_before=_number(given["validBefore"]),
            nonce=_hex(given["nonce"], 32),
        )
        return wanted, bytes.fromhex(inner["signature"].removeprefix("0x"))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadRequest(f"No EIP-3009 authorization: {error}") from error


def _hex(text: str, length: int) -> str:
    if not text.startswith("0x") or len(bytes.fromhex(text[2:])) != length:
        raise ValueError(f"{text!r} is not 0x and {length} bytes")
    return text


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 2**256):
        raise ValueError(f"{text!r} is no number of the network")
    return int(text)


def _document(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = model.model_dump(by_alias=True, exclude_none=True, mode="json")
    return found
