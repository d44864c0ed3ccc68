"""Whether answers have the fields of Stripe's objects. The oracle is installed with the SDK: its own annotations."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from stripe import _object_classes

# Free-form by nature.
OPEN = {"metadata", "previous_attributes"}
PLAIN = {"int": int, "str": str, "bool": bool, "float": float}


@dataclass(frozen=True)
class Field:
    needed: bool
    words: frozenset[str]  # that it may have as its value; empty: any
    plain: frozenset[type]  # what a value that is neither object nor list may be; empty: nothing is said


class Shapes:
    """Walks through answers; keeps what the API has not (`unknown`), what it requires (`missing`) and values that it
    never has (`wrong`), as `kind.field`.
    """

    def __init__(self) -> None:
        self.unknown: set[str] = set()
        self.missing: set[str] = set()
        self.wrong: set[str] = set()
        self.seen: Counter[str] = Counter()

    def check(self, answer: Any) -> None:
        if isinstance(answer, list):
            for element in answer:
                self.check(element)
            return
        if not isinstance(answer, dict):
            return
        found = _class_of(answer.get("object"))
        if found is not None and not answer.get("deleted"):
            self.seen[answer["object"]] += 1
            self._compare(answer, found, answer["object"])
            return
        for value in answer.values():
            self.check(value)

    def _compare(self, answer: dict[str, Any], kind: type, path: str) -> None:
        fields, inner = _fields(kind)
        if fields:
            self.unknown |= {f"{path}.{name}" for name in answer if name not in fields}
        self.missing |= {f"{path}.{name}" for name, field in fields.items() if field.needed and name not in answer}
        for name, value in answer.items():
            if name in OPEN:
                continue
            own = inner.get(name)
            for element in value if isinstance(value, list) else [value]:
                if not isinstance(element, dict):
                    self._value(f"{path}.{name}", element, fields.get(name), listed=isinstance(value, list))
                elif own is None or _class_of(element.get("object")) is not None:
                    self.check(element)
                else:
                    self._compare(element, own, f"{path}.{name}")

    def _value(self, place: str, value: Any, field: Field | None, *, listed: bool) -> None:
        if field is None:
            return
        if value is None:
            if field.needed and not listed:
                self.wrong.add(f"{place} is null")
        elif (field.words and isinstance(value, str) and value not in field.words) or (
            field.plain and type(value) not in field.plain
        ):
            self.wrong.add(f"{place} is {value!r}")


def _class_of(kind: Any) -> type | None:
    return _class_named(kind) if isinstance(kind, str) and kind != "list" else None


@cache
def _class_named(kind: str) -> type | None:
    for table in (_object_classes.OBJECT_CLASSES, _object_classes.V2_OBJECT_CLASSES):
        if kind in table:
            module, name = table[kind]
            found: type = getattr(import_module(module), name)
            return found
    return None


@cache
def _fields(kind: type) -> tuple[dict[str, Field], dict[str, type]]:
    """The fields, and the classes of those that are nested. Fields that may be null may also be absent."""
    own = {
        name: _field(str(annotation))
        for name, annotation in kind.__annotations__.items()
        if not name.startswith("_") and "ClassVar" not in str(annotation) and name != "deleted"
    }
    return own, dict(getattr(kind, "_inner_class_types", None) or {})


def _field(text: str) -> Field:
    words = {word for group in re.findall(r"Literal\[(.*?)\]", text) for word in re.findall(r"'(.*?)'", group)}
    rest = re.sub(r"Literal\[.*?\]", "str", text)
    plain = {PLAIN[name] for name in re.findall(r"(?<![\w.])(int|str|bool|float)(?!\w)", rest)}
    if "Decimal" in rest:
        plain.add(str)  # as it travels
    if float in plain:
        plain.add(int)
    return Field("Optional" not in text and "NoneType" not in text, frozenset(words), frozenset(plain))
