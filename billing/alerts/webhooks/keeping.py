"""Signing secrets rest encrypted: whoever reads them could speak in our name."""

from accounts.cipher import cipher

PURPOSE = "purser.webhooks"


def kept_secret(plain: str) -> str:
    return cipher(PURPOSE).encrypt(plain.encode()).decode()


def read_secret(stored: str) -> str:
    """Raises cryptography's InvalidToken when no key of now wrote it."""
    return cipher(PURPOSE).decrypt(stored.encode()).decode()
