"""Requests that nobody should send: a good one for every POST and PUT route, and a seeded way to break it. Pure."""

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

JSON, CLOUD, CLOUDS = "application/json", "application/cloudevents+json", "application/cloudevents-batch+json"


@dataclass(frozen=True)
class Request:
    """What goes over the wire. `framing`: the HTTP server may refuse it before the portal sees it."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    broken: str = ""  # how
    framing: bool = False
    method: str = "POST"

    def with_header(self, name: str, *values: str) -> "Request":
        """In place of the header it had; no value leaves it out."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=(*kept, *((name, value) for value in values)))


class Raw(str):
    """A value that is written into JSON as it stands."""


Fields = dict[tuple[str | int, ...], tuple[Any, ...]]  # a place in a body → what must not stand there


@dataclass(frozen=True)
class Target:
    """A route and a body that it takes. `fields`: values that each place of the body must not have."""

    path: str
    good: Any
    fields: Fields = field(default_factory=dict)
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    names_workspace: bool = True  # reads Purser-Workspace
    takes_key: bool = False  # reads Idempotency-Key
    takes_body: bool = True
    body_optional: bool = False
    batch: bool = False  # a bad event rejects itself alone
    largest: int = 64 * 1024
    method: str = "POST"


MISSING = Raw("")
NO_TEXT = (5, 1.5, True, ["x"], {"a": 1}, "nul\0", "half \ud800", Raw("1e400"))
NO_NUMBER = (
    *(-1, "-0.5", "NaN", "", " 1", "1,5", "0x10", "１２", True, [], {}, [1], "1e13", "0.0000000001"),
    *(Raw(text) for text in ("NaN", "-Infinity", "1e999999999", "1e-999999999", "9" * 5_000, "1" + "0" * 13, "-0.1")),
)
NO_TIME: tuple[Any, ...] = (
    5,
    [],
    {},
    "",
    "yesterday",
    "2026-13-01T00:00:00Z",
    "1999-12-31T23:59:59Z",
    "2026-01-01T00:00:00",
    "\0",
)
NO_OBJECT: tuple[Any, ...] = (5, True, "x", [], [1], Raw("NaN"))


def no_text(longest: int, *, required: bool = False) -> tuple[Any, ...]:
    return (*NO_TEXT, "x" * (longest + 1), *((None, "", MISSING) if required else ()))


def deep(levels: int) -> Raw:
    return Raw('{"a":' * levels + "1" + "}" * levels)


def usage_fields(event_id: bool = True) -> Fields:
    """What no usage event may say, by field."""
    named: Fields = {(name,): no_text(120) for name in ("project", "agent", "app", "task")}
    return {
        **({("event_id",): no_text(200, required=True)} if event_id else {}),
        ("model",): no_text(200),
        ("usage",): (*NO_OBJECT, {}, None, MISSING, {"": 1}, {"x" * 61: 1}, {f"m{n}": 1 for n in range(41)}, deep(50)),
        ("usage", "input_tokens"): NO_NUMBER,
        ("usage", "lone \udfff"): (1,),
        ("usage_format",): (5, "", "mistral", ["openai"]),
        ("variant",): (*NO_OBJECT, {"a": [1]}, {"a": "x" * 61}, {f"v{n}": "x" for n in range(11)}, {"a": 10**13}),
        ("occurred_at",): (*NO_TIME, "2999-01-01T00:00:00Z"),
        ("hold",): (5, [], "", "hold_", "hold_x", "hold_0", "hold_99999999999999999999", "\0"),
        **named,
        ("end_user",): no_text(200),
        ("metadata",): (*NO_OBJECT, deep(9), deep(900), {"a": "\0"}, {"a": Raw("NaN")}, {"a": "x" * 8_001}),
        ("typo",): (1,),
        ("",): (1,),
        ("nul\0",): (1,),
    }


def under(prefix: tuple[str | int, ...], fields: Fields) -> Fields:
    return {(*prefix, *place): values for place, values in fields.items()}


def malformed(random: Random, target: Target, *, key: str) -> Request:
    """The good request of `target` with one thing broken, sent with the service key `key`."""
    headers = ("Content-Type", target.content_type), *target.headers
    good = Request(target.path, headers, encoded(target.good), method=target.method)
    good = good.with_header("Authorization", f"Bearer {key}")
    ways = list(_HEADERS)
    if target.names_workspace:
        ways += [_workspace] * 2
    if target.takes_key:
        ways += [_idempotency_key] * 2
    if target.takes_body:
        ways += _BODIES * 2 + _FRAMING
    if target.fields:
        ways += [_field] * 12
    way = random.choice(ways)
    return replace(way(random, target, good), broken=way.__name__.strip("_"))


def encoded(value: Any) -> bytes:
    """`value` as JSON; a Raw stands in it as it is written."""
    raws: list[str] = []

    def marked(value: Any) -> Any:
        if isinstance(value, Raw):
            raws.append(value)
            return f"@raw{len(raws) - 1}@"
        if isinstance(value, dict):
            return {name: marked(inner) for name, inner in value.items()}
        return [marked(inner) for inner in value] if isinstance(value, list) else value

    text = json.dumps(marked(value))
    return re.sub(r'"@raw(\d+)@"', lambda found: raws[int(found[1])], text).encode()


# Fields


def _field(random: Random, target: Target, good: Request) -> Request:
    place = random.choice(list(target.fields))
    body = _replaced(target.good, place, random.choice(target.fields[place]))
    return replace(good, body=encoded(body))


def _replaced(value: Any, place: tuple[str | int, ...], new: Any) -> Any:
    if not place:
        return new
    step, rest = place[0], place[1:]
    if isinstance(value, list) and isinstance(step, int):
        return [_replaced(inner, rest, new) if at == step else inner for at, inner in enumerate(value)]
    copy = dict(value)
    if not rest and new is MISSING:
        copy.pop(step, None)
    else:
        copy[step] = _replaced(copy.get(step, {}), rest, new)
    return copy


# Bodies


def _truncated(random: Random, target: Target, good: Request) -> Request:
    return replace(good, body=good.body[: random.randrange(1 if target.body_optional else 0, len(good.body))])


def _high_byte(random: Random, target: Target, good: Request) -> Request:
    at = random.randrange(len(good.body))
    return replace(good, body=good.body[:at] + bytes([random.randrange(128, 256)]) + good.body[at:])


def _control(random: Random, target: Target, good: Request) -> Request:
    at = random.randrange(1, len(good.body))
    return replace(good, body=good.body[:at] + bytes([random.choice([0, 1, 8, 11, 27])]) + good.body[at:])


def _other_encoding(random: Random, target: Target, good: Request) -> Request:
    text = good.body.decode().replace('"', '"é', 1)
    encoding = random.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "utf-7", "cp037"])
    charset = random.choice(["", f"; charset={encoding}"])
    return replace(good, body=text.encode(encoding)).with_header("Content-Type", target.content_type + charset)


def _compressed(random: Random, target: Target, good: Request) -> Request:
    body, declared = (
        gzip.compress(good.body, mtime=0),
        random.choice(["gzip", "br", "deflate", "GZIP", "gzip, identity"]),
    )
    return random.choice(
        [
            replace(good, body=body),
            replace(good, body=body).with_header("Content-Encoding", declared),
            good.with_header("Content-Encoding", declared),
        ]
    )


def _other_json(random: Random, target: Target, good: Request) -> Request:
    wrong = [b"null", b"true", b"5", b'"x"', b"[5]", b"{}x", b"{} {}", b"{,}", b'{"a" 1}', b"'{}'", b"NaN", b"{1: 2}"]
    return replace(good, body=random.choice(wrong))


def _twice(random: Random, target: Target, good: Request) -> Request:
    at = good.body.rindex(b"{")
    name, colon, _ = good.body[at + 1 :].partition(b":")
    return replace(good, body=good.body[: at + 1] + name + colon + b"1," + good.body[at + 1 :])


def _nested(random: Random, target: Target, good: Request) -> Request:
    levels = random.choice([300, 3_000, 12_000])
    return replace(good, body=random.choice([b"[" * levels, b'{"a":' * levels, b"[" * levels + b"]" * levels]))


def _too_large(random: Random, target: Target, good: Request) -> Request:
    # The answer to a long body that is refused unread may be lost: the connection is closed while it is being sent.
    return replace(good, body=good.body + b" " * target.largest, framing=target.largest > 1024 * 1024)


_BODIES: list[Callable[[Random, Target, Request], Request]] = [
    *(_truncated, _high_byte, _control, _other_encoding, _compressed, _other_json, _twice, _nested),
]


# Headers


def _content_type(random: Random, target: Target, good: Request) -> Request:
    wrong = ["text/json", "application/cbor", "*/*", "application/json+x", "é", "application", "", "; charset=utf-8"]
    wrong += ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain", "application/xml"]
    values = random.choice([(), (random.choice(wrong),), (random.choice(wrong[:4]), target.content_type)])
    if not target.takes_body or target.body_optional:
        return _authorization(random, target, good)
    return good.with_header("Content-Type", *values)


def _authorization(random: Random, target: Target, good: Request) -> Request:
    sent = dict(good.headers)["Authorization"]
    wrong = ["", "Bearer", "Bearer ", "Basic cHNrOng=", "Bearer psk_unknown", "Bearer \x7f", "Bearer é", sent + "x"]
    wrong += [sent[:-1], sent.replace("Bearer ", ""), "Bearer " + "x" * 5_000, sent.replace(" ", ","), sent + " x"]
    return good.with_header("Authorization", *random.choice([(), (random.choice(wrong),), (sent, "Bearer psk_x")]))


_HEADERS: list[Callable[[Random, Target, Request], Request]] = [_content_type, _authorization]


def _workspace(random: Random, target: Target, good: Request) -> Request:
    wrong = ["nobody", "x" * 121, "x" * 5_000, "é", "ws_\x7f", "a\tb", "../..", "' OR 1=1", "ws_0,ws_1", "\u00ff\u00fe"]
    return good.with_header("Purser-Workspace", *random.choice([(random.choice(wrong),), ("nobody", "nobody")]))


def _idempotency_key(random: Random, target: Target, good: Request) -> Request:
    return good.with_header("Idempotency-Key", random.choice(["", " ", "x" * 201, "é", "a\tb", "a\x7fb", "\u00ff"]))


# Framing


def _length(random: Random, target: Target, good: Request) -> Request:
    size = len(good.body)
    wrong = [str(random.randrange(1, size)), str(size + 1), str(size * 10), "-1", "x", "1e3", "0x10", "9" * 30]
    wrong += [] if target.body_optional else [""]
    return replace(good.with_header("Content-Length", random.choice(wrong)), framing=True)


def _chunks(random: Random, target: Target, good: Request) -> Request:
    if target.body_optional:
        return _length(random, target, good)
    half = good.body[: random.randrange(1, len(good.body))]
    whole = f"{len(half):x}".encode() + b"\r\n" + half + b"\r\n0\r\n\r\n"
    body = random.choice([whole, b"zz\r\n" + good.body + b"\r\n0\r\n\r\n", b"0\r\n\r\n", b"-1\r\n\r\n"])
    return replace(good.with_header("Transfer-Encoding", "chunked"), body=body, framing=True)


_FRAMING: list[Callable[[Random, Target, Request], Request]] = [_length, _chunks, _too_large]
