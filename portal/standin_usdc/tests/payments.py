"""Payments signed by public libraries, in both versions of the protocol."""

import secrets
import time
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils import to_checksum_address

from billing.packs.x402.rails import SIMULATED_KEY, SIMULATED_PAY_TO, TOKENS, Rail
from billing.packs.x402.requirements import Ask, requirements_v1, requirements_v2
from billing.packs.x402.tests.chain import FIELDS

RAIL = Rail(SIMULATED_KEY, TOKENS[SIMULATED_KEY], SIMULATED_PAY_TO, "")
CHAIN_ID = 84532
FIVE = 5_000_000


def authorization(account: LocalAccount, **changes: Any) -> dict[str, Any]:
    """What is signed; `changes` in the words of EIP-3009."""
    return {
        "from": account.address,
        "to": SIMULATED_PAY_TO,
        "value": FIVE,
        "validAfter": int(time.time()) - 60,
        "validBefore": int(time.time()) + 300,
        "nonce": secrets.token_bytes(32),
    } | changes


def signature(account: LocalAccount, message: dict[str, Any], **domain: Any) -> bytes:
    asked = {
        "name": RAIL.token.name,
        "version": RAIL.token.version,
        "chainId": CHAIN_ID,
        "verifyingContract": to_checksum_address(RAIL.asset),
    } | domain
    types = {"TransferWithAuthorization": [{"name": name, "type": kind} for name, kind in FIELDS]}
    return bytes(account.sign_typed_data(asked, types, message).signature)


def exchange(version: int, message: dict[str, Any], signed: bytes, *, units: int = FIVE) -> dict[str, Any]:
    """What a facilitator is asked."""
    ask = Ask(units, "http://testserver/api/v1/credits/topup", "1,000 credits")
    made = requirements_v1(RAIL, ask) if version == 1 else requirements_v2(RAIL, ask)
    requirements = made.model_dump(by_alias=True, exclude_none=True)
    fields = {name: value if name in ("from", "to") else str(value) for name, value in message.items()}
    fields["nonce"] = "0x" + message["nonce"].hex()
    inner = {"signature": "0x" + signed.hex(), "authorization": fields}
    payment: dict[str, Any] = {"x402Version": version, "payload": inner}
    payment |= {"scheme": "exact", "network": SIMULATED_KEY} if version == 1 else {"accepted": dict(requirements)}
    return {"x402Version": version, "paymentPayload": payment, "paymentRequirements": requirements}
