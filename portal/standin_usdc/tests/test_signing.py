"""Hashes, signatures and addresses are those of the public libraries."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.packs.x402.addresses import checksummed, is_mistyped
from billing.packs.x402.rails import SIMULATED_PAY_TO, TOKENS
from billing.packs.x402.tests.chain import TYPES
from portal.standin_usdc.signing import Authorization, BadSignature, Domain, Wallet, digest, signer, topic

UINT = st.integers(0, 2**256 - 1)
ADDRESS = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
TOKEN = TOKENS["base-sepolia"]
DOMAIN = Domain(TOKEN.name, TOKEN.version, 84532, TOKEN.asset)


def public_digest(wanted: Authorization) -> bytes:
    message: dict[str, Any] = {
        "from": to_checksum_address(wanted.payer),
        "to": to_checksum_address(wanted.to),
        "value": wanted.value,
        "validAfter": wanted.valid_after,
        "validBefore": wanted.valid_before,
        "nonce": bytes.fromhex(wanted.nonce[2:]),
    }
    domain = {
        "name": DOMAIN.name,
        "version": DOMAIN.version,
        "chainId": DOMAIN.chain_id,
        "verifyingContract": to_checksum_address(DOMAIN.contract),
    }
    made = encode_typed_data(domain, TYPES, message)
    return keccak(b"\x19" + made.version + made.header + made.body)


@given(ADDRESS, ADDRESS, UINT, UINT, UINT, st.binary(min_size=32, max_size=32))
def test_the_digest(payer: str, to: str, value: int, after: int, before: int, nonce: bytes) -> None:
    wanted = Authorization(payer, to, value, after, before, "0x" + nonce.hex())
    assert digest(DOMAIN, wanted) == public_digest(wanted)


@settings(max_examples=40)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_who_signed(key: bytes, hashed: bytes) -> None:
    account = Account.from_key((int.from_bytes(key, "big") % (2**255) + 1).to_bytes(32, "big"))
    signed = bytes(account.unsafe_sign_hash(hashed).signature)
    assert signer(hashed, signed) == account.address.lower()
    assert signer(hashed, signed[:64] + bytes([55 - signed[64]])) != account.address.lower()


@settings(max_examples=60)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=70))
def test_any_bytes_are_somebodys_signature_or_a_bad_one(hashed: bytes, signed: bytes) -> None:
    try:
        assert len(signer(hashed, signed)) == 42
    except BadSignature:
        assert True
    with pytest.raises(BadSignature):
        signer(hashed, b"")


def test_a_wallet_signs_as_the_public_library_reads_it() -> None:
    for _ in range(8):  # both values of v
        wallet = Wallet()
        wanted = Authorization(wallet.address, SIMULATED_PAY_TO, 5, 0, 2**40, "0x" + "ab" * 32)
        signed = bytes.fromhex(wallet.sign(DOMAIN, wanted)[2:])
        recovered = Account._recover_hash(public_digest(wanted), signature=signed)
        assert recovered.lower() == wallet.address


def test_topics() -> None:
    assert topic("Transfer(address,address,uint256)") == "0x" + keccak(text="Transfer(address,address,uint256)").hex()


@given(ADDRESS)
def test_checksums(address: str) -> None:
    assert checksummed(address) == to_checksum_address(address)
    assert not is_mistyped(checksummed(address))
    assert not is_mistyped(address)
    assert not is_mistyped("0x" + address[2:].upper())
    swapped = "0x" + checksummed(address)[2:].swapcase()
    assert is_mistyped(swapped) == (swapped[2:] not in (swapped[2:].lower(), swapped[2:].upper()))
