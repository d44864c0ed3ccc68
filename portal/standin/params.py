"""Parameters of a request: decoded from forms, their names checked against the annotations of the installed SDK."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from portal.standin.errors import Json, invalid, missing_param, unknown_param

CLASS_NAME = re.compile(r"\b[A-Z]\w*Params\w*\b")
# In the annotations because the SDK's functions take them; they travel as headers.
NOT_SENT = {
    "api_key",
    "stripe_version",
    "stripe_account",
    "stripe_context",
    "max_network_retries",
    "idempotency_key",
    "content_type",
    "headers",
}


def decode(text: str) -> Json:
    """`a[b]=1&c[0]=2&d[]=3` → `{"a": {"b": "1"}, "c": ["2"], "d": ["3"]}`; values stay text."""
    root: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        parts = re.findall(r"[^\[\]]+|\[\]", name)
        place = root
        for part in parts[:-1]:
            key = str(len(place)) if part == "[]" else part
            inner = place.setdefault(key, {})
            if not isinstance(inner, dict):
                raise invalid(f"Invalid parameters: {name}", name)
            place = inner
        place[str(len(place)) if parts[-1] == "[]" else parts[-1]] = value
    return {name: _lists(value) for name, value in root.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(inner) for key, inner in value.items()}


def check_names(params: Json, class_name: str) -> None:
    """Raises parameter_unknown for a name, at any depth, that the SDK's class does not have.

    `class_name` is one of `stripe.params`, as `CustomerCreateParams` or `checkout.SessionCreateParams`.
    """
    _check(params, *_class(class_name), prefix="")


def _check(params: Json, annotations: Mapping[str, str], module: ModuleType, prefix: str) -> None:
    for name, value in params.items():
        shown = f"{prefix}[{name}]" if prefix else name
        if name not in annotations:
            raise unknown_param(shown)
        inner = [vars(module)[word] for word in CLASS_NAME.findall(annotations[name]) if word in vars(module)]
        if not inner:
            continue
        allowed: dict[str, str] = {}
        for candidate in inner:
            allowed |= _annotations(candidate)
        for element in value if isinstance(value, list) else [value]:
            if isinstance(element, dict):
                _check(element, allowed, module, shown)


@cache
def _class(name: str) -> tuple[Mapping[str, str], ModuleType]:
    package, _, own = name.rpartition(".")
    found = getattr(import_module(f"stripe.params.{package}".rstrip(".")), own)
    return _annotations(found), import_module(found.__module__)


def _annotations(found: type) -> dict[str, str]:
    return {name: str(kind) for name, kind in found.__annotations__.items() if name not in NOT_SENT}


def required(params: Json, name: str) -> Any:
    value = params.get(name)
    if value in (None, ""):
        raise missing_param(name)
    return value


def truth(value: Any) -> bool:
    return str(value).lower() == "true"


def integer(params: Json, name: str, default: int | None = None) -> int:
    """Raises parameter_missing without a value and a default, parameter_invalid_integer for other text."""
    value = params.get(name)
    if value in (None, ""):
        if default is None:
            raise missing_param(name)
        return default
    try:
        return int(value)
    except (TypeError, ValueError):
        raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer") from None


def optional_integer(params: Json, name: str) -> int | None:
    return None if params.get(name) in (None, "") else integer(params, name)


def address(given: Any) -> Json | None:
    """A postal address with all its parts, as the API shows it."""
    parts = ("city", "country", "line1", "line2", "postal_code", "state")
    return {part: given.get(part) or None for part in parts} if given else None


def automatic_methods(params: Json) -> Json | None:
    given = params.get("automatic_payment_methods")
    if not given:
        return None
    return {"enabled": truth(given["enabled"]), "allow_redirects": given.get("allow_redirects") or "always"}


def merged_metadata(old: Json, new: Any) -> Json:
    """An empty text removes a key, as at Stripe; an empty value removes them all."""
    if new == "":
        return {}
    return {name: value for name, value in {**old, **(new or {})}.items() if value != ""}


def moment(params: Json, name: str, now: int) -> int | None:
    """A timestamp; the word `now` means now."""
    return now if params.get(name) == "now" else optional_integer(params, name)
