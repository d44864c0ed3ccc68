"""Payments as no honest client writes them, and what is said to them. No network, no database."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.packs.x402.errors import Malformed, NotAccepted
from billing.packs.x402.presented import MOST_BYTES, Presented, presented
from billing.packs.x402.rails import TOKENS, Rail
from billing.packs.x402.requirements import Ask, requirements_v2

NOW = 1_800_000_000
PAY_TO = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"
RAIL = Rail("base-sepolia", TOKENS["base-sepolia"], PAY_TO, "http://127.0.0.1:1")
ASK = Ask(5_000_000, "https://purser.example/api/v1/credits/topup", "1,000 credits")
AUTHORIZATION = {
    "from": "0x" + "Ab" * 20,
    "to": PAY_TO,
    "value": "5000000",
    "validAfter": "0",
    "validBefore": str(NOW + 300),
    "nonce": "0x" + "Cd" * 32,
}


def payment(version: int = 2, **authorization: Any) -> dict[str, Any]:
    inner = {"signature": "0x" + "11" * 65, "authorization": {**AUTHORIZATION, **authorization}}
    if version == 1:
        return {"x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": inner}
    accepted = requirements_v2(RAIL, ASK).model_dump(by_alias=True, exclude_none=True)
    return {"x402Version": 2, "accepted": accepted, "payload": inner}


def read(content: Any) -> Presented:
    return presented(base64.b64encode(json.dumps(content).encode()).decode(), [RAIL], ASK, now=NOW)


@pytest.mark.parametrize("version", [1, 2])
def test_a_good_one(version: int) -> None:
    found = read(payment(version))
    assert (found.version, found.rail, found.units) == (version, RAIL, 5_000_000)
    assert (found.payer, found.nonce) == ("0x" + "ab" * 20, "0x" + "cd" * 32)
    assert found.valid_before == NOW + 300


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("to", "0x" + "00" * 20, "invalid_exact_evm_payload_recipient_mismatch"),
        ("value", "4999999", "invalid_exact_evm_payload_authorization_value_mismatch"),
        ("value", "5000001", "invalid_exact_evm_payload_authorization_value_mismatch"),
        ("validAfter", str(NOW + 1), "invalid_exact_evm_payload_authorization_valid_after"),
        ("validBefore", str(NOW + 5), "invalid_exact_evm_payload_authorization_valid_before"),
        ("validBefore", str(NOW + 361), "authorization_window_too_long"),
        ("validBefore", "9" * 78, "authorization_window_too_long"),
    ],
)
def test_not_what_was_asked(version: int, field: str, value: str, code: str) -> None:
    with pytest.raises(NotAccepted) as refused:
        read(payment(version, **{field: value}))
    assert refused.value.code == code


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("value", "5_000_000"),
        ("value", " 5000000"),
        ("value", "+5000000"),
        ("value", "5000000\n"),
        ("value", "\u0665\u0660\u0660\u0660\u0660\u0660\u0660"),  # 5000000 in Arabic digits
        ("value", "5e6"),
        ("value", 5_000_000),
        ("value", None),
        ("validBefore", "9" * 79),
        ("nonce", "0x" + "cd" * 31),
        ("nonce", "0x" + "cd" * 32 + "\n"),
        ("from", "ab" * 20),
        ("to", ["0x"]),
    ],
)
def test_malformed_fields(version: int, field: str, value: Any) -> None:
    with pytest.raises(Malformed):
        read(payment(version, **{field: value}))


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda each: each["accepted"].update(amount="1"), "requirements_mismatch"),
        (lambda each: each["accepted"].update(asset="0x" + "00" * 20), "requirements_mismatch"),
        (lambda each: each["accepted"].update(payTo="0x" + "00" * 20), "requirements_mismatch"),
        (lambda each: each["accepted"].update(maxTimeoutSeconds=3600), "requirements_mismatch"),
        (lambda each: each["accepted"]["extra"].update(name="Other"), "requirements_mismatch"),
        (lambda each: each["accepted"].update(network="eip155:1"), "invalid_network"),
        (lambda each: each["accepted"].update(scheme="upto"), "unsupported_scheme"),
        (lambda each: each["payload"].update(permit2Authorization={}), "unsupported_asset_transfer_method"),
        (lambda each: each["payload"].pop("authorization"), "unsupported_asset_transfer_method"),
    ],
)
def test_another_requirement(change: Change, code: str) -> None:
    content = payment()
    change(content)
    with pytest.raises(NotAccepted) as refused:
        read(content)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "header",
    [
        "",
        "not base64!",
        "e30",
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b"{").decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 5_000).decode(),
        base64.b64encode(json.dumps({"x402Version": 3}).encode()).decode(),
        base64.b64encode(json.dumps({"x402Version": True}).encode()).decode(),
        base64.b64encode(json.dumps({"x402Version": "2"}).encode()).decode(),
        base64.b64encode(json.dumps({"x402Version": 2}).encode()).decode(),
        "A" * (MOST_BYTES + 4),
    ],
)
def test_no_payment_at_all(header: str) -> None:
    with pytest.raises(Malformed):
        presented(header, [RAIL], ASK, now=NOW)


def test_a_signature_that_is_none() -> None:
    content = payment()
    for wrong in ("0x11", "11" * 65, "0x" + "zz" * 65, None, "0x" + "11" * 4_097):
        content["payload"]["signature"] = wrong
        with pytest.raises(Malformed):
            read(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(place=st.sampled_from(sorted(AUTHORIZATION)), value=JSON)
def test_whatever_stands_in_a_field(place: str, value: Any) -> None:
    """It is read, or refused in one of two ways: never anything else."""
    try:
        found = read(payment(**{place: value}))
    except (Malformed, NotAccepted):
        return
    assert found.units == ASK.units


@given(header=st.text(alphabet=st.characters(max_codepoint=255), max_size=200))
def test_any_header(header: str) -> None:
    with pytest.raises((Malformed, NotAccepted)):
        presented(header, [RAIL], ASK, now=NOW)
