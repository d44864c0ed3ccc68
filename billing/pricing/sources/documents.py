"""JSON documents of catalogues, read without a binary float. Pure."""

import json
import re
from decimal import Decimal
from hashlib import sha256
from typing import Any, NoReturn

from billing.pricing.sources.rows import SourceError

NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,40})?([eE][-+]?\d{1,2})?")


def parse(text: str) -> dict[str, Any]:
    """The JSON object in `text`, every number a Decimal. Raises SourceError."""
    try:
        found = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"it is not JSON, or not all of it: {str(error)[:120]}") from error
    if not isinstance(found, dict):
        raise SourceError("it is JSON, but not a catalogue: an object was expected")
    return found


def number(value: object) -> Decimal | None:
    """A price out of a text or a number; None when it is neither."""
    if isinstance(value, bool) or not isinstance(value, (str, Decimal)):
        return None
    text = str(value).strip()
    return Decimal(text) if NUMBER.fullmatch(text) else None


def fingerprint(text: str) -> str:
    """The version of a document that does not name one."""
    return f"sha256 {sha256(text.encode()).hexdigest()[:16]}"


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no price")
