from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.metering.errors import EventRejected
from billing.usage.errors import UsageRefused
from billing.usage.wanted import HoldWanted, Wanted, parse_hold_wanted


def test_a_model_is_enough() -> None:
    assert parse_hold_wanted({"model": "a/b"}) == HoldWanted(Wanted("a/b"))
    assert parse_hold_wanted({}).life == timedelta(minutes=15)


def test_numbers_may_be_numbers_or_texts() -> None:
    for most, life in ((Decimal("0.000000001"), 60), ("0.000000001", "60"), ("1e-9", Decimal("60.0"))):
        asked = parse_hold_wanted({"max_credits": most, "expires_in": life, "agent": "a", "app": "b"})
        assert (asked.max_nano, asked.life, asked.agent, asked.app) == (1, timedelta(minutes=1), "a", "b")
    assert parse_hold_wanted({"expires_in": 86_400}).life == timedelta(days=1)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        (None, ""),
        ({"usage": {"input_tokens": 1}, "text": "both"}, "/usage"),
        ({"usage": {}}, "/usage"),
        ({"usage": {"input_tokens": -1}}, "/usage/input_tokens"),
        ({"max_credits": 0}, "/max_credits"),
        ({"max_credits": -1}, "/max_credits"),
        ({"max_credits": "1e-10"}, "/max_credits"),
        ({"max_credits": True}, "/max_credits"),
        ({"max_credits": Decimal("NaN")}, "/max_credits"),
        ({"expires_in": 0}, "/expires_in"),
        ({"expires_in": 86_401}, "/expires_in"),
        ({"expires_in": "1.5"}, "/expires_in"),
        ({"expires_in": []}, "/expires_in"),
        ({"expires_in": "soon"}, "/expires_in"),
        ({"agent": 1}, "/agent"),
        ({"app": "a\0"}, "/app"),
        ({"hold": "hold_1"}, "/hold"),
        ({"end_user": "u"}, "/end_user"),
    ],
)
def test_malformed_bodies_are_pointed_at(body: Any, pointer: str) -> None:
    with pytest.raises(EventRejected) as caught:
        parse_hold_wanted(body)
    assert (caught.value.code, caught.value.pointer) == ("invalid_request", pointer)


def test_more_credits_than_a_ledger_holds_are_out_of_range() -> None:
    with pytest.raises(UsageRefused) as caught:
        parse_hold_wanted({"max_credits": 10**12})
    assert (caught.value.code, caught.value.pointer) == ("amount_out_of_range", "/max_credits")
