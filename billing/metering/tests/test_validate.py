import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.metering.errors import EventRejected
from billing.metering.events import EventInput, request_hash
from billing.metering.validate import parse_batch, parse_event

GOOD: dict[str, Any] = {"event_id": "req_1", "model": "openai/gpt-4o-mini", "usage": {"input_tokens": 1200}}


def refused(**changes: Any) -> EventRejected:
    with pytest.raises(EventRejected) as caught:
        parse_event(GOOD | changes)
    return caught.value


def test_a_whole_event_is_understood() -> None:
    event = parse_event(
        GOOD
        | {
            "usage": {"input_tokens": 1200, "output_tokens": "300.5"},
            "variant": {"quality": "hd", "audio": True},
            "occurred_at": "2026-03-01T10:30:00+02:00",
            "project": "prod",
            "agent": "support-bot",
            "metadata": {"a": [1, {"b": None}]},
            "hold": None,
        }
    )
    assert event == EventInput(
        event_id="req_1",
        model="openai/gpt-4o-mini",
        usage={"input_tokens": Decimal(1200), "output_tokens": Decimal("300.5")},
        variant={"quality": "hd", "audio": "true"},
        occurred_at=datetime(2026, 3, 1, 8, 30, tzinfo=UTC),
        project="prod",
        agent="support-bot",
        metadata={"a": [1, {"b": None}]},
    )


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (-1, "negative"),
        ("-0.5", "negative"),
        ("-0", "negative"),
        (float("nan"), "finite"),
        (math.inf, "finite"),
        (-math.inf, "finite"),
        ("NaN", "finite"),
        ("Infinity", "finite"),
        (Decimal("sNaN"), "finite"),
        (10**12 + 1, "10^12"),
        (10**4000, "10^12"),
        ("1e30", "10^12"),
        (Decimal("1e999999"), "10^12"),
        ("0.0000000001", "9 decimals"),
        (Decimal("1e-999999"), "9 decimals"),
        ("1.0000000001", "9 decimals"),
        (True, "number"),
        ("12 tokens", "number"),
        ("1_000", "number"),
        ("", "number"),
        ([], "number"),
    ],
)
def test_a_bad_quantity_is_named(value: object, says: str) -> None:
    error = refused(usage={"input_tokens": value})
    assert (error.code, error.event_id) == ("invalid_request", "req_1")
    assert says in error.detail
    assert error.pointer in ("/usage/input_tokens", "/usage")


@pytest.mark.parametrize("value", [0, "0", "1.000000000000", 10**12, "1000000000000", "1e3", 0.5, Decimal("1E+2")])
def test_a_good_quantity_keeps_its_value(value: object) -> None:
    event = parse_event(GOOD | {"usage": {"input_tokens": value}})
    assert event.usage["input_tokens"] == Decimal(str(value))


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"event_id": None}, "/event_id"),
        ({"event_id": ""}, "/event_id"),
        ({"event_id": 7}, "/event_id"),
        ({"event_id": "x" * 201}, "/event_id"),
        ({"event_id": "a\0b"}, "/event_id"),
        ({"model": "a\0"}, "/model"),
        ({"model": "m" * 201}, "/model"),
        ({"agent": "\ud800"}, "/agent"),
        ({"task": "t" * 121}, "/task"),
        ({"end_user": "\0"}, "/end_user"),
        ({"usage": {}}, "/usage"),
        ({"usage": []}, "/usage"),
        ({"usage": None}, "/usage"),
        ({"usage": {"": 1}}, "/usage"),
        ({"usage": {"bad\0meter": 1}}, "/usage/bad\ufffdmeter"),
        ({"usage": {"m" * 61: 1}}, "/usage/" + "m" * 60),
        ({"usage": {f"meter_{index}": 1 for index in range(41)}}, "/usage"),
        ({"usage_format": "acme"}, "/usage_format"),
        ({"usage_format": ["openai"]}, "/usage_format"),
        ({"variant": {"quality": "a\0"}}, "/variant/quality"),
        ({"variant": []}, "/variant"),
        ({"variant": "hd"}, "/variant"),
        ({"metadata": {"a": {"b": "\0"}}}, "/metadata/a/b"),
        ({"metadata": {"\0": 1}}, "/metadata"),
        ({"metadata": {"a": float("inf")}}, "/metadata/a"),
        ({"metadata": {"a": "x" * 9000}}, "/metadata/a"),
        ({"metadata": []}, "/metadata"),
        ({"metadata": "text"}, "/metadata"),
        ({"occurred_at": "2026-03-01"}, "/occurred_at"),
        ({"occurred_at": "2026-03-01T10:00:00"}, "/occurred_at"),
        ({"occurred_at": "2026-02-30T10:00:00Z"}, "/occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "/occurred_at"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "/occurred_at"),
        ({"occurred_at": 1_700_000_000}, "/occurred_at"),
        ({"surprise": 1}, "/surprise"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
)
def test_a_malformed_field_is_pointed_at(changes: dict[str, Any], pointer: str) -> None:
    error = refused(**changes)
    assert (error.code, error.pointer) == ("invalid_request", pointer)
    error.detail.encode()
    error.event_id.encode()


def test_deep_metadata_is_refused_instead_of_followed() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    assert refused(metadata=deep).pointer == "/metadata"


def test_a_hold_is_named_by_its_public_id() -> None:
    assert parse_event(GOOD | {"hold": "hold_12"}).hold == 12
    assert parse_event(GOOD | {"hold": None}).hold is None


@pytest.mark.parametrize("hold", ["", "hold_", "hold_012", "hold_1x", "12", "hold_" + "9" * 19, "HOLD_1", "hold_١"])
def test_a_text_that_names_no_hold_is_not_found(hold: str) -> None:
    error = refused(hold=hold)
    assert (error.code, error.pointer) == ("not_found", "/hold")


def test_a_hold_is_a_string() -> None:
    error = refused(hold=12)
    assert (error.code, error.pointer) == ("invalid_request", "/hold")


def test_a_batch_keeps_its_order_and_names_what_is_refused() -> None:
    endless = GOOD | {"usage": {"prompt_tokens": Decimal("1e999999999")}}
    parsed = parse_batch([GOOD, 7, GOOD | {"usage": {"input_tokens": -1}}, endless, GOOD])
    assert [type(one) for one in parsed] == [EventInput, *[EventRejected] * 3, EventInput]
    assert [one.event_id for one in parsed] == ["req_1", "", "req_1", "req_1", "req_1"]


def test_a_provider_usage_object_is_translated() -> None:
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 200,
        "total_tokens": 1200,
        "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 0},
        "completion_tokens_details": None,
        "service_tier": "default",
    }
    event = parse_event(GOOD | {"usage": usage, "usage_format": "openai"})
    assert {meter: quantity for meter, quantity in event.usage.items() if quantity} == {
        "input_tokens": 1000,
        "output_tokens": 200,
        "cached_input_tokens": 400,
    }


def test_a_bad_number_inside_a_provider_usage_object_is_refused() -> None:
    error = refused(usage={"prompt_tokens": float("nan")}, usage_format="openai")
    assert error.code == "invalid_request"
    assert error.pointer.startswith("/usage/")


def test_spelling_makes_no_difference_to_the_fingerprint() -> None:
    one = parse_event(
        {"event_id": "a", "model": "m", "usage": {"input_tokens": 1, "output_tokens": "2.50"}, "metadata": {"x": 1}}
        | {"occurred_at": "2026-03-01T10:00:00Z"}
    )
    other = parse_event(
        {"metadata": {"x": 1}, "usage": {"output_tokens": Decimal("2.5"), "input_tokens": "1.0"}, "model": "m"}
        | {"event_id": "a", "occurred_at": "2026-03-01T12:00:00+02:00", "agent": None, "variant": {}}
    )
    assert request_hash(one) == request_hash(other)


@pytest.mark.parametrize(
    "change",
    [
        {"usage": {"input_tokens": 1201}},
        {"usage": {"input_tokens": 1200, "images": 0}},
        {"model": "openai/gpt-4o"},
        {"occurred_at": "2026-03-01T10:00:00Z"},
        {"agent": "x"},
        {"app": "x"},
        {"variant": {"quality": "hd"}},
        {"metadata": {"a": 1}},
    ],
)
def test_any_other_content_has_another_fingerprint(change: dict[str, Any]) -> None:
    assert request_hash(parse_event(GOOD)) != request_hash(parse_event(GOOD | change))


def test_a_variant_never_looks_like_metadata_to_the_fingerprint() -> None:
    metadata, variant = {"a": "1"}, {"": '{"a": "1"}'}
    said = [
        {"metadata": metadata},
        {"variant": variant},
        {"variant": variant, "metadata": metadata},
        {"variant": variant | {"quality": "hd"}},
        {"variant": {"quality": "hd"}, "metadata": metadata},
        {"variant": {"0": "1"}},
    ]
    assert len({request_hash(parse_event(GOOD | more)) for more in said}) == len(said)
