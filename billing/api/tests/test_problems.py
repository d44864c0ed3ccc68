"""What a client may do wrong with HTTP itself."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.api.jsontext import NotJson, dumps, loads
from billing.api.tests.conftest import Api, key_of, usage_event
from billing.ledger.selectors import balance
from billing.metering.models import UsageEvent

USAGE = "/api/v1/usage"
BATCH = "/api/v1/usage/batch"
ESTIMATE = "/api/v1/usage/estimate"
AUTHORIZE = "/api/v1/usage/authorize"
SETTLE, EXTEND = "/api/v1/usage/holds/hold_1/settle", "/api/v1/usage/holds/hold_1/extend"


@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v2/usage", "/api/v1/usage/", "/api/v1/credits", "/v1/x"])
def test_an_unknown_path_is_a_problem_document(db: None, path: str) -> None:
    answer = Api().get(path)
    assert (answer.status, answer.kind, answer.json["code"]) == (404, "application/problem+json", "not_found")


def test_a_wrong_method_says_which_are_right(db: None) -> None:
    answer = Api().get(USAGE)
    assert (answer.status, answer.json["code"]) == (405, "invalid_request")
    assert answer.headers["Allow"] == "OPTIONS, POST"
    assert Api().post("/api/v1/credits/summary", {}).headers["Allow"] == "GET, HEAD, OPTIONS"


def test_options_and_head_behave(api: Api) -> None:
    options = api.client.options(USAGE)
    assert (options.status_code, options.headers["Allow"]) == (204, "OPTIONS, POST")
    get = api.get("/api/v1/credits/lots")
    head = api.client.head("/api/v1/credits/lots", headers=api.headers)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["Content-Length"] == str(len(get.content))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_that_is_not_declared_json_is_refused(api: Api, kind: str) -> None:
    answer = api.post(USAGE, json.dumps(usage_event()).encode(), content_type=kind)
    assert (answer.status, answer.json["code"]) == (415, "invalid_request")


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip"])
def test_a_body_is_sent_as_it_is(api: Api, encoding: str) -> None:
    answer = api.post(USAGE, usage_event(), **{"Content-Encoding": encoding})
    assert (answer.status, answer.json["code"]) == (415, "invalid_request")
    assert api.post(USAGE, usage_event(), **{"Content-Encoding": "identity"}).status == 201


def test_large_bodies_are_refused(api: Api) -> None:
    event = json.dumps(usage_event(metadata={"x": "y" * 65_536})).encode()
    answer = api.post(USAGE, event)
    assert (answer.status, answer.json["code"]) == (413, "payload_too_large")
    assert api.post(BATCH, b'{"events": [' + b" " * 4_194_304 + b"]}").status == 413
    assert answer.headers["X-RateLimit-Limit"] == "600000"


BROKEN = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"1",
    b"\xff\xfe{\x00}\x00",
    b'{"event_id": "\xff"}',
    b"\xef\xbb\xbf{}",
    b'{"event_id": "x", "usage": {"input_tokens": 1e999999999}}',
    b'{"event_id": "x", "usage": {"input_tokens": 1e-999999999}}',
    b'{"event_id": "x", "usage": {"input_tokens": ' + b"9" * 5000 + b"}}",
    b'{"event_id": "x", "usage": {"input_tokens": 0.' + b"1" * 5000 + b"}}",
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b'{"event_id": "x", "usage": ' + b'{"a":' * 500 + b"1" + b"}" * 501,
    b'{"event_id": "x\\u0000", "usage": {"input_tokens": 1}}',
    b'{"event_id": "\\ud800", "usage": {"input_tokens": 1}}',
    b'{"event_id": "x", "usage": {"\\udfff": 1}}',
    b'{"event_id": "x", "usage": {"input_tokens": 1}, "metadata": {"a": "\\u0000"}}',
    b'{"event_id": "x", "usage": {"input_tokens": 1}, "metadata": {"a": 1e400000}}',
    b'{"event_id": "x", "usage": {"input_tokens": 1}, "occurred_at": "9999-12-31T23:59:59-23:59"}',
    b'{"event_id": "x", "usage": {"input_tokens": 1}, "occurred_at": 12345678901234567890}',
    b'{"event_id": "x", "usage": {"input_tokens": true}}',
    b'{"event_id": "x", "usage": {"input_tokens": 1, "input_tokens": 1000}}',
    b'{"event_id": "x", "event_id": "x", "usage": {"input_tokens": 1}}',
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_broken_bodies_are_refused_without_a_charge(api: Api, funded: Workspace, body: bytes) -> None:
    for path in (USAGE, ESTIMATE, AUTHORIZE, SETTLE, EXTEND):
        answer = api.post(path, body)
        assert answer.status in (400, 415, 422), answer.content
        assert answer.kind == "application/problem+json"
    batch = api.post(BATCH, b'{"events": [' + body + b"]}")
    if batch.status == 200:
        assert (batch.json["accepted"], len(batch.json["rejected"])) == (0, 1)
    else:
        assert batch.status == 400
    assert balance(funded.pk).available == 12_404 * 10**9
    assert not UsageEvent.objects.exists()


def damaged(random_: random.Random) -> tuple[bytes, str]:
    """A good request with something broken: bytes, a value, a key, its type."""
    event: dict[str, Any] = usage_event(variant={}, metadata={"a": 1}, occurred_at="2026-01-02T03:04:05Z")
    kind = "application/json"
    body = json.dumps(event).encode()
    damage = random_.randrange(6)
    if damage == 0:
        at = random_.randrange(len(body))
        body = body[:at] + bytes([random_.randrange(128, 256)]) + body[at + 1 :]
    elif damage == 1:
        body = body[: random_.randrange(len(body))]
    elif damage == 2:
        name = random_.choice(["event_id", "usage", "variant", "occurred_at", "metadata", "model", "agent"])
        event[name] = random_.choice([[1], 1.5, True, ["x"], [[]], [None], 10**30, {"a": {"b": [{}]}}, "\0", "\ud800"])
        if name in ("metadata", "variant") and isinstance(event[name], dict):
            event[name] = "{}"
        body = json.dumps(event).encode()
    elif damage == 3:
        wrong = [-1, "NaN", "1e13", 10**13, "0.0000000001", None, "", [], "１２", "0x10", " 1", "1,5", "Infinity", True]
        event["usage"] = {random_.choice(["input_tokens", "output_tokens"]): random_.choice(wrong)}
        body = json.dumps(event).encode()
    elif damage == 4:
        event[random_.choice(["evnet_id", "credits", "price", "", "hold_id", "\u0000"])] = 1
        body = json.dumps(event).encode()
    else:
        kind = random_.choice(["text/json", "application/cbor", "*/*", "application/json+x", "é", "application"])
    return body, kind


@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_damaged_requests_end_in_problem_documents(api: Api, funded: Workspace, seed: int) -> None:
    random_ = random.Random(seed)
    for _ in range(250):
        body, kind = damaged(random_)
        path = random_.choice([USAGE, USAGE + "?x=1", AUTHORIZE, SETTLE])
        answer = api.post(path, body, content_type=kind)
        assert 400 <= answer.status < 500, (body, kind, answer.status, answer.content)
        assert answer.kind == "application/problem+json"
        assert answer.json["status"] == answer.status
        assert answer.headers["X-Usage-Total-Tokens"] == "0"
    assert balance(funded.pk).available == 12_404 * 10**9
    assert not UsageEvent.objects.exists()


def test_strange_queries_and_paths_are_refused_or_empty(api: Api) -> None:
    for path in (
        "/api/v1/usage/events?limit=0",
        "/api/v1/usage/events?limit=1e3",
        "/api/v1/usage/events?limit=١",
        "/api/v1/usage/events?limit=99999999999999999999",
        "/api/v1/usage/events?cursor=%00",
        "/api/v1/usage/events?cursor=AAAA",
        "/api/v1/usage/events?cursor=é",
        "/api/v1/usage/events?agent=%00",
        "/api/v1/usage/events?from=yesterday",
        "/api/v1/usage/events?from=0001-01-01",
        "/api/v1/usage/events?to=9999-12-31",
        "/api/v1/usage/events?from=2026-02-01&to=2026-01-01",
        "/api/v1/usage/breakdown",
        "/api/v1/usage/breakdown?by=colour",
        "/api/v1/usage/breakdown?by=day&from=2001-01-01&to=2026-01-01",
        "/api/v1/credits/ledger?cursor=W10",
        "/api/v1/credits/ledger?cursor=eHh4",
        "/api/v1/credits/lots?cursor=WzFd",
        "/api/v1/pricing/models?cursor=%F0%9F%98%80",
    ):
        answer = api.get(path)
        assert answer.status == 400, (path, answer.status)
        assert answer.json["code"] == "invalid_request"
    for name in ("%00", "%FF%FE", "x" * 3000, "a/b", "../../credits"):
        assert api.get(f"/api/v1/usage/events/{name}").status == 404


def test_an_error_of_a_workspace_header_is_no_fault_of_the_portal(db: None) -> None:
    key = key_of(None)
    for name in ("x" * 5000, "é", "a\tb", "\x7f"):
        answer = Api(key, **{"Purser-Workspace": name}).get("/api/v1/credits/lots")
        assert answer.status in (400, 404)


def test_numbers_are_written_exactly() -> None:
    value = {"a": Decimal("1E-9"), "b": Decimal("1E+3"), "c": Decimal("12403.928000000"), "d": Decimal("-0.50"), "e": 7}
    assert dumps(value) == '{"a":0.000000001,"b":1000,"c":12403.928,"d":-0.5,"e":7}'
    with pytest.raises(NotJson):
        loads(b'{"a": 0.1.2}')
    assert loads(b'{"a": 0.1, "b": 10}') == {"a": Decimal("0.1"), "b": 10}
