"""The hash chain of a workspace. Pure; README.md documents the canonical text for verifiers of others.

digest = sha256(previous digest ‖ canonical text of the transfer). The text names everything that a later change
could falsify: the operation, accounts, amount, balance, times, the takes, and the terms of a lot that came in.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from billing.credits.units import AmountOutOfRange

GENESIS = bytes(32)
_UNIT_PRICE = Decimal("1e-12")
_UNIT_PRICE_BOUND = 999_999  # the column has 18 digits
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def stamp(at: datetime | str) -> str:
    """UTC with microseconds: 2026-03-01T12:00:00.000000Z. A text is one already."""
    if isinstance(at, str):
        return at
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def unit_price(usd: Decimal) -> Decimal:
    """USD per credit as the lot's column and the chain both hold it: twelve decimals, half-even.

    PostgreSQL would round a longer value half away from zero, and the chain would not match its own row.
    """
    if not 0 <= usd < _UNIT_PRICE_BOUND:
        raise AmountOutOfRange(f"{usd} USD per credit does not fit the ledger")
    return usd.quantize(_UNIT_PRICE, ROUND_HALF_EVEN)


def lot_terms(
    *,
    lot_id: int,
    source: str,
    label: str,
    amount: int,
    effective_at: datetime,
    expires_at: datetime | None,
    unit_price_usd: Decimal | None,
) -> list[Any]:
    """The part of a transfer's text that fixes the terms of the lot it brought in."""
    return [
        lot_id,
        source,
        label,
        amount,
        stamp(effective_at),
        stamp(expires_at) if expires_at else None,
        f"{unit_price_usd:.12f}" if unit_price_usd is not None else None,
    ]


def canonical(
    *,
    workspace_id: int,
    seq: int,
    operation: Sequence[Any],
    kind: str,
    debit: str,
    credit: str,
    amount: int,
    balance_after: int,
    occurred_at: datetime | str,
    created_at: datetime | str,
    items_digest: bytes | None,
    reverses: int | None,
    takes: Sequence[Sequence[int]],
    lot: Sequence[Any] | None,
) -> bytes:
    """The canonical text. `operation` is (id, namespace, key, kind, request hash as hex, actor, reason);
    `reverses` the sequence number of the transfer it corrects; `takes` pairs of lot id and amount in order.
    """
    return _encode(
        [
            "purser-1",
            workspace_id,
            seq,
            operation,
            kind,
            debit,
            credit,
            amount,
            balance_after,
            stamp(occurred_at),
            stamp(created_at),
            items_digest.hex() if items_digest is not None else None,
            reverses,
            takes,
            lot,
        ]
    ).encode()


def link(previous: bytes, text: bytes) -> bytes:
    """The digest of the transfer with canonical `text` that follows the one with digest `previous`."""
    return hashlib.sha256(previous + text).digest()
