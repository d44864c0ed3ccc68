"""JSON in and out without a float anywhere: numbers are int or Decimal, in fixed notation."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import simplejson


class NotJson(ValueError):
    """A body that is not JSON as RFC 8259 has it, or that nobody would send in good faith."""


def loads(body: bytes) -> Any:
    """The value in `body`; fractions become Decimal. Raises NotJson.

    NaN and Infinity, which JSON does not have but many encoders write, become Decimals that are not finite, so that the
    event they stand in is refused by name and not the whole batch around it.
    """
    try:
        text = body.decode("utf-8")
        return json.loads(text, parse_float=Decimal, parse_constant=Decimal, object_pairs_hook=_object)
    except NotJson:
        raise
    except UnicodeDecodeError as error:
        raise NotJson("The body is not valid UTF-8.") from error
    except RecursionError as error:
        raise NotJson("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise NotJson(f"The body is not JSON: {error.msg} at character {error.pos}.") from error
    except (ValueError, ArithmeticError) as error:  # more digits than Python converts
        raise NotJson("The body has a number out of range.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Readers differ in which of two equal names counts: the sender may have meant another quantity than we would bill.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("The body has an object in which a name stands twice.")
    return found


def dumps(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON text, in one line without `indent`. Raises TypeError for a type that has no exact form here."""
    text: str = simplejson.dumps(
        value,
        default=_default,
        use_decimal=False,
        allow_nan=False,
        ensure_ascii=True,  # so that what a client sent in half a surrogate pair can be told back to it
        indent=indent,
        separators=(",", ":") if indent is None else (",", ": "),
    )
    return text


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return simplejson.RawJSON(fixed(value))
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def fixed(value: Decimal) -> str:
    """`value` without exponent and without trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def instant(value: datetime) -> str:
    """`value` as RFC 3339 in UTC."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
