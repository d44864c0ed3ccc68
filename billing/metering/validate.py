"""From what a client sent to an EventInput, or to the reason why not. Touches neither database nor lock."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.ledger.records import parse_hold_id
from billing.metering.errors import EventRejected, no_such_hold
from billing.metering.events import EventInput, metadata_json
from billing.metering.numbers import quantity
from billing.pricing.normalise import FORMATS, OWN, UsageError, format_of, normalise, variant_of
from billing.pricing.tariff import TIER

FIELDS = frozenset(
    {"event_id", "model", "usage", "usage_format", "variant", "occurred_at", "hold", "project", "agent", "app", "task"}
    | {"end_user", "metadata"}
)
MAX_METERS, MAX_VARIANTS, MAX_METADATA_CHARACTERS, MAX_DEPTH = 40, 10, 8_000, 8
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def parse_event(raw: object) -> EventInput:
    """The event in `raw` (parsed JSON); raises EventRejected with code, detail and a JSON pointer."""
    if not isinstance(raw, Mapping):
        raise EventRejected("invalid_request", "An event is a JSON object.")
    try:
        return _parse(raw)
    except EventRejected as error:
        named = raw.get("event_id")
        error.event_id = named[:200].replace("\0", "\ufffd") if isinstance(named, str) else ""
        raise


def parse_batch(raws: Iterable[object]) -> list[EventInput | EventRejected]:
    """Each event, or why it is refused, in the order given: what `usage_record_batch` takes."""
    parsed: list[EventInput | EventRejected] = []
    for raw in raws:
        try:
            parsed.append(parse_event(raw))
        except EventRejected as error:
            parsed.append(error)
    return parsed


def _parse(raw: Mapping[str, Any]) -> EventInput:
    if not raw.keys() <= FIELDS:
        name = min((str(key) for key in raw.keys() - FIELDS), key=str)
        raise EventRejected("invalid_request", f"Unknown field “{_shown(name)}”.", _pointer("", name))
    get = raw.get
    event_id = _named("event_id", get("event_id"), 200)
    if not event_id:
        raise EventRejected("invalid_request", "event_id is required: your own id of this request.", "/event_id")
    at, hold, variant, metadata = get("occurred_at"), get("hold"), get("variant"), get("metadata")
    usage, usage_format = get("usage"), get("usage_format")
    spoken = parse_variant(variant) if variant else _empty(variant, "/variant")
    return EventInput(
        event_id=event_id,
        model=_named("model", get("model"), 200),
        usage=parse_usage(usage, usage_format),
        variant=served(spoken, usage, usage_format),
        occurred_at=None if at is None else instant(at, "/occurred_at"),
        project=_named("project", get("project")),
        agent=_named("agent", get("agent")),
        app=_named("app", get("app")),
        task=_named("task", get("task")),
        end_user=_named("end_user", get("end_user"), 200),
        metadata=_metadata(metadata) if metadata else _empty(metadata, "/metadata"),
        hold=None if hold is None else _hold(hold),
    )


def _named(field: str, value: object, longest: int = 120) -> str:
    """`text` of a field, with a short way for what nearly every text is."""
    if value is None:
        return ""
    if type(value) is str and len(value) <= longest and value.isascii() and "\0" not in value:
        return value
    return text(value, f"/{field}", longest)


def text(value: object, pointer: str, longest: int) -> str:
    """An optional text: null is empty; no NUL, no half surrogate pairs, at most `longest` characters."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise EventRejected("invalid_request", f"{pointer[1:] or 'The value'} must be a string.", pointer)
    if len(value) > longest:
        raise EventRejected("invalid_request", f"At most {longest} characters are allowed here.", pointer)
    if "\0" in value:
        raise EventRejected("invalid_request", "NUL characters are not allowed.", pointer)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise EventRejected("invalid_request", "Not valid Unicode text (a lone surrogate).", pointer) from None
    return value


def parse_usage(raw: object, usage_format: object = None) -> dict[str, Decimal]:
    """Quantities by canonical meter. A provider's usage object is translated; unknown meter names are kept."""
    if usage_format is not None and usage_format not in FORMATS:
        raise EventRejected("invalid_request", f"usage_format is one of {', '.join(FORMATS)}.", "/usage_format")
    if not isinstance(raw, Mapping) or not raw:
        raise EventRejected("invalid_request", "usage is an object with at least one meter.", "/usage")
    if usage_format is None and raw.keys() <= OWN and all(type(number) is int for number in raw.values()):
        return {meter: quantity(number, f"/usage/{meter}") for meter, number in raw.items()}
    if len(raw) > 5 * MAX_METERS:
        raise EventRejected("invalid_request", f"An event has at most {MAX_METERS} meters.", "/usage")
    form = usage_format or format_of(raw)
    spelled = {name: quantity(v, _pointer("/usage", name)) if type(v) is str and not form else v
               for name, v in raw.items()}  # fmt: skip
    try:
        usage = normalise(spelled, form)
    except UsageError as error:
        detail = f"{_shown(error.meter)} {str(error).removeprefix(error.meter).strip()}."
        raise EventRejected("invalid_request", detail, _pointer("/usage", error.meter)) from None
    except ValueError:  # an integer of thousands of digits
        raise EventRejected("invalid_request", "A quantity must not exceed 10^12.", "/usage") from None
    if not usage:
        raise EventRejected("invalid_request", "usage names no quantity.", "/usage")
    if len(usage) > MAX_METERS:
        raise EventRejected("invalid_request", f"An event has at most {MAX_METERS} meters.", "/usage")
    return {_meter(name): quantity(number, _pointer("/usage", name)) for name, number in usage.items()}


def _meter(name: str) -> str:
    if not name:
        raise EventRejected("invalid_request", "A meter needs a name.", "/usage")
    return text(name, _pointer("/usage", name), 60)


def parse_variant(raw: object) -> dict[str, str]:
    """Variants of a price, such as {"quality": "hd", "audio": true}."""
    if not isinstance(raw, Mapping) or len(raw) > MAX_VARIANTS:
        raise EventRejected("invalid_request", f"variant is an object of at most {MAX_VARIANTS} names.", "/variant")
    variant = {}
    for name, value in raw.items():
        here = _pointer("/variant", name)
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, int) and abs(value) <= 10**12:
            value = str(value)
        if value is not None:
            variant[text(name, here, 60)] = text(value, here, 60)
    return variant


def served(variant: dict[str, str], usage: Any, usage_format: Any) -> dict[str, str]:
    """The variant of an event whose usage was parsed: with the tier that a provider's object names, unless the event
    names one itself.
    """
    said = variant_of(usage, usage_format)
    return {**variant, **said} if said and variant.keys().isdisjoint(TIER) else variant


def instant(value: object, pointer: str) -> datetime:
    """An RFC 3339 time with its offset, or an aware datetime, in UTC and not before 2000."""
    try:
        if isinstance(value, str) and _RFC3339.fullmatch(spelled := value.upper()):
            value = datetime.fromisoformat(spelled)
        if isinstance(value, datetime) and value.tzinfo is not None:
            at = value.astimezone(UTC)
            if at >= _EARLIEST:
                return at
    except (ValueError, OverflowError):
        pass
    detail = "A time is RFC 3339 with an offset, such as 2026-03-01T09:30:00Z, and not before the year 2000."
    raise EventRejected("invalid_request", detail, pointer)


def _hold(raw: object) -> int:
    if not isinstance(raw, str):
        raise EventRejected("invalid_request", "hold must be a string.", "/hold")
    if (pk := parse_hold_id(raw)) is None:
        raise no_such_hold()
    return pk


def _metadata(raw: object) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise EventRejected("invalid_request", "metadata is an object.", "/metadata")
    _check_json(raw, "/metadata", MAX_DEPTH)
    if len(metadata_json(raw)) > MAX_METADATA_CHARACTERS:
        detail = f"metadata has at most {MAX_METADATA_CHARACTERS} characters as JSON."
        raise EventRejected("invalid_request", detail, "/metadata")
    return dict(raw)


def _check_json(value: object, pointer: str, depth: int) -> None:
    """Only what PostgreSQL's jsonb can keep."""
    if depth == 0:
        raise EventRejected("invalid_request", f"metadata is nested deeper than {MAX_DEPTH} levels.", "/metadata")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            text(name, "/metadata", MAX_METADATA_CHARACTERS)
            _check_json(inner, _pointer(pointer, name), depth - 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_json(inner, f"{pointer}/{index}", depth - 1)
    elif isinstance(value, str):
        text(value, pointer, MAX_METADATA_CHARACTERS)
    elif isinstance(value, (float, Decimal)):
        number = Decimal(repr(value)) if isinstance(value, float) else value
        if not number.is_finite() or abs(number.adjusted()) > 300:
            raise EventRejected("invalid_request", "A number must be finite and of sane size.", pointer)
    elif not (value is None or isinstance(value, (bool, int))):
        raise EventRejected("invalid_request", "metadata holds JSON values only.", pointer)


def _empty(value: object, pointer: str) -> dict[str, Any]:
    if value is None or value == {}:
        return {}
    raise EventRejected("invalid_request", f"{pointer[1:]} is an object.", pointer)


def _pointer(base: str, name: object) -> str:
    return f"{base}/{_shown(str(name)).replace('~', '~0').replace('/', '~1')}"


def _shown(name: str) -> str:
    """A name from outside, fit to be shown: short and valid Unicode."""
    return name[:60].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
