"""CloudEvents 1.0, JSON format and HTTP binding: the envelope around a usage body.

What the envelope says (`id`, `time`) the body may repeat and not contradict. `type` and extensions mean nothing here.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from billing.api import jsontext
from billing.api.problems import invalid
from billing.api.schemas.cloudevents import LONGEST_SOURCE, MOST_EVENTS
from billing.metering.errors import EventRejected
from billing.metering.validate import instant, text

ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"

_ATTRIBUTE = re.compile(r"[a-z0-9]+", re.ASCII)
_URI_REFERENCE = re.compile(
    r"(?:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*(?:#(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)?"
)
_JSON_TYPE = re.compile(r"[^;/\s]+/(?:[^;/\s]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Envelope:
    """`body` is what POST /usage takes. `subject` is empty when it names no workspace."""

    id: str
    source: str
    subject: str
    body: dict[str, Any]
    timed: bool

    def place(self, pointer: str) -> str:
        """A pointer into the body as one into the CloudEvent."""
        if pointer == "/event_id":
            return "/id"
        if pointer == "/occurred_at" and self.timed:
            return "/time"
        return "/data" + pointer if pointer else ""


def events_of(raw: object) -> list[Any]:
    """The CloudEvents of a batch, which may be none. Raises Problem 400."""
    if not isinstance(raw, list):
        raise invalid("A batch of CloudEvents is a JSON array of them.", pointer="")
    if len(raw) > MOST_EVENTS:
        raise invalid(f"A batch has at most {MOST_EVENTS:,} CloudEvents, not {len(raw):,}.", pointer="")
    return raw


def of_headers(headers: Mapping[str, str], data: object) -> dict[str, Any]:
    """The CloudEvent of a request in binary mode: attributes are `ce-` headers, the body is the data."""
    attributes = {
        name.lower().removeprefix("ce-"): _header(value)
        for name, value in headers.items()
        if name.lower().startswith("ce-")
    }
    return {**attributes, "data": data}


def opened(raw: object) -> Envelope:
    """The envelope of a CloudEvent (parsed JSON). Raises EventRejected, with a pointer into it."""
    if not isinstance(raw, Mapping):
        raise EventRejected("invalid_request", "A CloudEvent is a JSON object.")
    event = {name: value for name, value in raw.items() if value is not None}  # null is the same as absent
    try:
        return _opened(event)
    except EventRejected as error:
        named = event.get("id")
        error.event_id = (
            named[:200].encode("utf-8", "replace").decode().replace("\0", "\ufffd") if isinstance(named, str) else ""
        )
        raise


def _opened(event: Mapping[str, Any]) -> Envelope:
    if event.get("specversion") != "1.0":
        raise EventRejected("invalid_request", "specversion is “1.0”: no other version is taken.", "/specversion")
    for name, value in event.items():
        _check_attribute(name, value)
    source = _required(event, "source", LONGEST_SOURCE)
    if not _is_uri_reference(source):
        raise EventRejected("invalid_request", "source is a URI reference.", "/source")
    _required(event, "type", 1_000)
    if "subject" in event:
        _required(event, "subject", 120)
    if "dataschema" in event and not _is_uri_reference(_required(event, "dataschema", 2_000)):
        raise EventRejected("invalid_request", "dataschema is a URI.", "/dataschema")
    event_id = _required(event, "id", 200)
    body = {**_data(event)}
    if body.get("event_id") not in (None, event_id):
        raise EventRejected("invalid_request", "event_id is another than the CloudEvent's id.", "/data/event_id")
    body["event_id"] = event_id
    if "time" in event:
        at = instant(event["time"], "/time")
        if (said := body.get("occurred_at")) is not None and instant(said, "/data/occurred_at") != at:
            detail = "occurred_at is another time than the CloudEvent's."
            raise EventRejected("invalid_request", detail, "/data/occurred_at")
        body["occurred_at"] = event["time"]
    return Envelope(event_id, source, event.get("subject", ""), body, "time" in event)


def _check_attribute(name: str, value: object) -> None:
    if name in ("data", "data_base64"):
        return
    if not _ATTRIBUTE.fullmatch(name):
        shown = name[:60].encode("utf-8", "replace").decode()
        detail = (
            f"“{shown}” cannot be an attribute: their names are lower-case letters and digits. Usage goes into data."
        )
        raise EventRejected("invalid_request", detail)
    if not isinstance(value, str | bool | int):
        raise EventRejected("invalid_request", "An attribute is a string, a boolean or an integer.", f"/{name[:60]}")


def _required(event: Mapping[str, Any], name: str, longest: int) -> str:
    value = text(event.get(name), f"/{name}", longest)
    if not value:
        raise EventRejected("invalid_request", f"{name} must not be empty.", f"/{name}")
    return value


def _is_uri_reference(value: str) -> bool:
    try:
        return bool(_URI_REFERENCE.fullmatch(value)) and urlsplit(value) is not None
    except ValueError:  # brackets that hold no address
        return False


def _data(event: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = event.get("datacontenttype", "application/json")
    if not isinstance(kind, str) or not _JSON_TYPE.fullmatch(kind):
        raise EventRejected("invalid_request", "datacontenttype is application/json, or absent.", "/datacontenttype")
    if "data_base64" in event:
        if "data" in event:
            raise EventRejected("invalid_request", "A CloudEvent has data or data_base64, not both.", "/data_base64")
        data, pointer = _decoded(event["data_base64"]), "/data_base64"
    else:
        data, pointer = event.get("data"), "/data"
    if not isinstance(data, Mapping):
        raise EventRejected("invalid_request", "data is the usage of one request, a JSON object.", pointer)
    return data


def _decoded(value: object) -> object:
    try:
        return jsontext.loads(base64.b64decode(value, validate=True)) if isinstance(value, str) else None
    except (ValueError, binascii.Error):  # NotJson is a ValueError
        raise EventRejected("invalid_request", "data_base64 is no JSON in base64.", "/data_base64") from None


def _header(value: str) -> str:
    """An attribute from its header: perhaps quoted, and percent-encoded UTF-8."""
    quoted = _QUOTED.fullmatch(value.strip())
    plain = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value
    return unquote(plain, errors="surrogateescape")  # what is not UTF-8 is refused as not valid Unicode
