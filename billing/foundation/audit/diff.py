"""What an entry changed, field by field."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Changed:
    """`was` and `now` are None where there was, or is, nothing."""

    field: str
    was: str | None
    now: str | None


def changes(before: Any, after: Any) -> list[Changed]:
    """The fields that differ, in the order of `after`; values that are no fields stand under an empty name."""
    if not isinstance(before, dict | None) or not isinstance(after, dict | None):
        return [Changed("", _text(before), _text(after))] if before != after else []
    was, now = before or {}, after or {}
    return [
        Changed(str(name), _text(was.get(name)), _text(now.get(name)))
        for name in dict.fromkeys((*now, *was))
        if name not in was or name not in now or was[name] != now[name]
    ]


def _text(value: Any) -> str | None:
    """As a person reads it: yes and no, lists with commas, nothing for what is not there."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(map(str, value)) or "none"
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict | list) else str(value)
