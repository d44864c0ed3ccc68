"""Query parameters and cursors."""

import base64
import binascii
import json
import re
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from pydantic import BaseModel, ValidationError

from billing.api.problems import Problem, invalid
from billing.metering.errors import EventRejected
from billing.metering.validate import instant

Q = TypeVar("Q", bound=BaseModel)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def query(request: HttpRequest, model: type[Q]) -> Q:
    """The query parameters as `model`. Raises Problem 400."""
    try:
        return model.model_validate(request.GET.dict())
    except ValidationError as error:
        places = [
            {"parameter": str(item["loc"][0]) if item["loc"] else "", "detail": item["msg"]} for item in error.errors()
        ]
        raise Problem("invalid_request", f"{places[0]['parameter']}: {places[0]['detail']}", errors=places) from error


def moment(text: str | None, *, name: str, zone: str, end: bool = False) -> datetime | None:
    """An RFC 3339 time, or a date in the workspace's time zone (as `to`, the end of that day)."""
    if text is None:
        return None
    try:
        if _DATE.fullmatch(text):
            day = datetime.combine(datetime.fromisoformat(text).date(), time(), ZoneInfo(zone))
            return instant(day + timedelta(days=1 if end else 0), "")
        return instant(text, "")
    except (ValueError, OverflowError, EventRejected) as error:
        detail = "must be a date or an RFC 3339 time with offset, from the year 2000 on"
        raise invalid(detail, parameter=name) from error


def cursor_of(*parts: int | str | datetime) -> str:
    """An opaque cursor."""
    texts = [part.astimezone(UTC).isoformat() if isinstance(part, datetime) else part for part in parts]
    return base64.urlsafe_b64encode(json.dumps(texts, separators=(",", ":")).encode()).decode().rstrip("=")


def cursor_parts(cursor: str, *kinds: type) -> list[int | str | datetime]:
    """What `cursor_of` was given. Raises Problem 400 for anything else."""
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError
        return [_part(part, kind) for part, kind in zip(parts, kinds, strict=True)]
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError) as error:
        raise invalid("This is not a cursor of this list.", parameter="cursor") from error


def _part(part: object, kind: type) -> int | str | datetime:
    if kind is datetime and isinstance(part, str):
        return datetime.fromisoformat(part).astimezone(UTC)
    if kind is int and type(part) is int and abs(part) < 2**63:
        return part
    if kind is str and isinstance(part, str) and "\0" not in part:
        part.encode()
        return part
    raise ValueError(part)
