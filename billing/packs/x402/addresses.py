"""Addresses of EVM networks. Pure."""

import re

from Crypto.Hash import keccak

ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


def checksummed(address: str) -> str:
    """The address with EIP-55's checksum in the case of its letters. https://eips.ethereum.org/EIPS/eip-55"""
    digits = address.lower().removeprefix("0x")
    hashed = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit for digit, nibble in zip(digits, hashed, strict=False)
    )


def is_mistyped(address: str) -> bool:
    """Whether the case of its letters is a checksum, and a wrong one; in one case all over there is none."""
    digits = address[2:]
    return digits not in (digits.lower(), digits.upper()) and address != checksummed(address)
