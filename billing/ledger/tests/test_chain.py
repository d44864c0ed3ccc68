"""The canonical text and its digest. A verifier of others relies on these: the expected values are written out."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from billing.credits.units import AmountOutOfRange
from billing.ledger.book import open_book
from billing.ledger.chain import GENESIS, canonical, link, lot_terms, stamp
from billing.ledger.models import Lot
from billing.ledger.tests.helpers import assert_clean, draft


def test_times_are_utc_with_microseconds() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert stamp(noon) == "2026-03-01T12:00:00.000000Z"
    assert stamp(noon.astimezone(timezone(timedelta(hours=5, minutes=45)))) == stamp(noon)
    assert stamp(noon + timedelta(microseconds=7)) == "2026-03-01T12:00:00.000007Z"


def test_the_canonical_text_is_a_json_array_in_ascii() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    terms = lot_terms(
        lot_id=9,
        source="bought",
        label="Größe",
        amount=50,
        effective_at=at,
        expires_at=None,
        unit_price_usd=Decimal("0.0045"),
    )
    text = canonical(
        workspace_id=3,
        seq=2,
        operation=(5, "usage", "req-1", "usage.spend", "ab", "", "why"),
        kind="usage.spend",
        debit="available",
        credit="spent",
        amount=7,
        balance_after=43,
        occurred_at=at,
        created_at=at,
        items_digest=b"\x01",
        reverses=None,
        takes=[(9, 7)],
        lot=terms,
    )
    assert text == (
        b'["purser-1",3,2,[5,"usage","req-1","usage.spend","ab","","why"],"usage.spend","available","spent",7,43,'
        b'"2026-03-01T12:00:00.000000Z","2026-03-01T12:00:00.000000Z","01",null,[[9,7]],'
        b'[9,"bought","Gr\\u00f6\\u00dfe",50,"2026-03-01T12:00:00.000000Z",null,"0.004500000000"]]'
    )
    assert link(GENESIS, text) == hashlib.sha256(bytes(32) + text).digest()


@pytest.mark.parametrize(
    ("paid", "kept"),
    [
        ("0.0045000000005", "0.004500000000"),  # half to even; the database would have made it …001
        ("0.0045000000015", "0.004500000002"),
        ("1E-3", "0.001000000000"),
        ("0", "0.000000000000"),
    ],
)
def test_the_chain_and_the_row_hold_the_same_unit_price(ws: int, paid: str, kept: str) -> None:
    with open_book(ws) as book:
        book.grant(
            operation=draft(), amount=5, source="bought", label="Pack", kind="grant.pack", unit_price_usd=Decimal(paid)
        )
    assert f"{Lot.objects.get().unit_price_usd:f}" == kept
    assert_clean(ws)


@pytest.mark.parametrize("paid", ["-0.01", "1000000", "Infinity"])
def test_a_unit_price_that_no_lot_can_hold_is_refused(ws: int, paid: str) -> None:
    with pytest.raises(AmountOutOfRange), open_book(ws) as book:
        book.grant(
            operation=draft(), amount=5, source="bought", label="Pack", kind="grant.pack", unit_price_usd=Decimal(paid)
        )
    assert not Lot.objects.exists()
