"""The network: one token, and what its contract does with authorizations. Kept in SQLite, whole or not at all."""

import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from billing.packs.x402.rails import Token
from portal.standin_usdc.signing import Authorization, BadSignature, Domain, digest, signer

FIRST_UNITS = 10_000 * 10**6  # what every address has when it is first seen
BEGINNING = 1_700_000_000  # of the network, in seconds since 1970
BLOCK = 2  # seconds, as on Base
TABLES = """
CREATE TABLE IF NOT EXISTS wallet (address TEXT PRIMARY KEY, units INTEGER NOT NULL CHECK (units >= 0)) STRICT;
CREATE TABLE IF NOT EXISTS moved (
    hash TEXT PRIMARY KEY, block INTEGER NOT NULL, payer TEXT NOT NULL, receiver TEXT NOT NULL,
    units INTEGER NOT NULL CHECK (units >= 0), nonce TEXT NOT NULL, UNIQUE (payer, nonce)
) STRICT;
"""


class Reverted(Exception):
    """The contract refuses. `code` is what facilitators call the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Moved:
    """A transfer that is in a block. Addresses in lower case, `units` in millionths of a dollar."""

    hash: str
    block: int
    payer: str
    receiver: str
    units: int
    nonce: str

    @property
    def at(self) -> int:
        """Seconds since 1970."""
        return time_of(self.block)


def latest() -> int:
    """The block of this second."""
    return (int(time.time()) - BEGINNING) // BLOCK


def time_of(block: int) -> int:
    return BEGINNING + block * BLOCK


class Chain:
    def __init__(self, token: Token, file: Path | None) -> None:
        self.token = token
        self.chain_id = int(token.network.partition(":")[2])
        self._domain = Domain(token.name, token.version, self.chain_id, token.asset)
        self._lock = threading.Lock()
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
        self._database = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.executescript(TABLES)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def balance(self, address: str) -> int:
        """In units. Who was never here has what everybody begins with."""
        with self._lock:
            return self._units(address.lower())

    def check(self, wanted: Authorization, signature: bytes) -> None:
        """Whether `transfer` would go through now. Raises Reverted."""
        with self._lock:
            self._check(wanted, signature)

    def transfer(self, wanted: Authorization, signature: bytes) -> Moved:
        """transferWithAuthorization. Raises Reverted."""
        payer, receiver = wanted.payer.lower(), wanted.to.lower()
        with self._lock:
            self._check(wanted, signature)
            moved = Moved("0x" + secrets.token_hex(32), latest(), payer, receiver, wanted.value, wanted.nonce.lower())
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._set(payer, self._units(payer) - wanted.value)
                self._set(receiver, self._units(receiver) + wanted.value)
                self._database.execute(
                    "INSERT INTO moved (hash, block, payer, receiver, units, nonce) VALUES (?, ?, ?, ?, ?, ?)",
                    (moved.hash, moved.block, moved.payer, moved.receiver, moved.units, moved.nonce),
                )
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
        return moved

    def transaction(self, hash: str) -> Moved | None:
        return next(iter(self._moved("hash = ?", hash.lower())), None)

    def authorized(self, payer: str, nonce: str) -> Moved | None:
        """The transfer that an authorization was used for."""
        return next(iter(self._moved("payer = ? AND nonce = ?", payer.lower(), nonce.lower())), None)

    def newest(self, most: int) -> list[Moved]:
        return self._moved("TRUE ORDER BY rowid DESC LIMIT ?", most)

    def _check(self, wanted: Authorization, signature: bytes) -> None:
        now = int(time.time())
        if now <= wanted.valid_after:
            raise Reverted("invalid_exact_evm_payload_authorization_valid_after")
        if now >= wanted.valid_before:
            raise Reverted("invalid_exact_evm_payload_authorization_valid_before")
        try:
            signed_by = signer(digest(self._domain, wanted), signature)
        except BadSignature as error:
            raise Reverted("invalid_exact_evm_payload_signature") from error
        if signed_by != wanted.payer.lower():
            raise Reverted("invalid_exact_evm_payload_signature")
        if self._is_used(wanted):
            raise Reverted("invalid_exact_evm_nonce_already_used")
        if self._units(wanted.payer.lower()) < wanted.value:
            raise Reverted("invalid_exact_evm_insufficient_balance")

    def _is_used(self, wanted: Authorization) -> bool:
        row = (wanted.payer.lower(), wanted.nonce.lower())
        return bool(self._database.execute("SELECT 1 FROM moved WHERE payer = ? AND nonce = ?", row).fetchone())

    def _units(self, address: str) -> int:
        row = self._database.execute("SELECT units FROM wallet WHERE address = ?", (address,)).fetchone()
        return int(row[0]) if row else FIRST_UNITS

    def _set(self, address: str, units: int) -> None:
        self._database.execute(
            "INSERT INTO wallet (address, units) VALUES (?, ?)"
            " ON CONFLICT (address) DO UPDATE SET units = excluded.units",
            (address, units),
        )

    def _moved(self, where: str, *values: object) -> list[Moved]:
        with self._lock:
            rows = self._database.execute(
                f"SELECT hash, block, payer, receiver, units, nonce FROM moved WHERE {where}",  # noqa: S608 - ours
                values,
            )
            return [Moved(*row) for row in rows]
