"""What is signed to pay by EIP-3009, how it is signed, and by whom it was.

Sources: https://eips.ethereum.org/EIPS/eip-712 (typed data), https://eips.ethereum.org/EIPS/eip-3009 (the message),
and the checks of USDC's own contract: the lower half of `s` only, `v` 27 or 28.
"""

import hashlib
import secrets
from dataclasses import dataclass

from Crypto.Hash import keccak
from ecdsa import SECP256k1, SigningKey, VerifyingKey
from ecdsa.errors import MalformedPointError
from ecdsa.numbertheory import Error as NoPoint
from ecdsa.util import sigdecode_string, sigencode_string_canonize

ORDER: int = SECP256k1.order
LENGTH = 65  # bytes of a signature: r, s, v
_HOW = {"curve": SECP256k1, "hashfunc": hashlib.sha256, "sigdecode": sigdecode_string}


class BadSignature(Exception):
    """It is nobody's."""


@dataclass(frozen=True)
class Domain:
    """The contract that a signature is for, and no other."""

    name: str
    version: str
    chain_id: int
    contract: str


@dataclass(frozen=True)
class Authorization:
    """`value` in the token's smallest units; times in seconds since 1970; addresses and nonce in hexadecimal digits."""

    payer: str
    to: str
    value: int
    valid_after: int
    valid_before: int
    nonce: str


def keccak256(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def topic(signature: str) -> str:
    """The first topic of a contract's event."""
    return "0x" + keccak256(signature.encode()).hex()


_DOMAIN = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_TRANSFER = keccak256(
    b"TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
    b"bytes32 nonce)"
)


def digest(domain: Domain, signed: Authorization) -> bytes:
    """The 32 bytes that are signed."""
    texts = keccak256(domain.name.encode()) + keccak256(domain.version.encode())
    separator = keccak256(_DOMAIN + texts + _number(domain.chain_id) + _address(domain.contract))
    numbers = _number(signed.value) + _number(signed.valid_after) + _number(signed.valid_before)
    nonce = bytes.fromhex(signed.nonce.removeprefix("0x"))
    message = keccak256(_TRANSFER + _address(signed.payer) + _address(signed.to) + numbers + nonce)
    return keccak256(b"\x19\x01" + separator + message)


def signer(hashed: bytes, signature: bytes) -> str:
    """The address whose key signed. Raises BadSignature."""
    if len(signature) != LENGTH:
        raise BadSignature
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (27, 28) or not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        raise BadSignature
    try:
        # Two keys fit; the first is that of the point with an even y, which `v` = 27 names.
        return _address_of(VerifyingKey.from_public_key_recovery_with_digest(signature[:64], hashed, **_HOW)[v - 27])
    except (NoPoint, MalformedPointError) as error:
        raise BadSignature from error


class Wallet:
    """A new key, kept nowhere."""

    def __init__(self) -> None:
        self._key: SigningKey = SigningKey.from_secret_exponent(secrets.randbelow(ORDER - 1) + 1, curve=SECP256k1)
        self.address = _address_of(self._key.verifying_key)

    def sign(self, domain: Domain, authorization: Authorization) -> str:
        """In hexadecimal digits."""
        hashed = digest(domain, authorization)
        pair: bytes = self._key.sign_digest_deterministic(
            hashed, hashfunc=hashlib.sha256, sigencode=sigencode_string_canonize
        )
        v = next(v for v in (27, 28) if signer(hashed, pair + bytes([v])) == self.address)
        return "0x" + (pair + bytes([v])).hex()


def _address_of(key: VerifyingKey) -> str:
    raw: bytes = key.to_string("raw")
    return "0x" + keccak256(raw)[-20:].hex()


def _number(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _address(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x")).rjust(32, b"\0")
