"""Saves and deletions of the admin that no service writes down: mixed in front of every registered admin."""

import json
from collections.abc import Iterable
from typing import Any, cast

from django.contrib.admin.models import LogEntry
from django.db.models import BinaryField, Model
from django.http import HttpRequest

from accounts.models import User, Workspace
from billing.foundation.audit.services import entries_of, record, record_change

# What opens a door is never written down, only that it is another one now.
SECRET = frozenset({"password", "digest", "token_digest", "secret", "data", "session_key"})
WITHHELD = "(not shown)"
State = dict[str, Any]


class AuditedAdmin:
    """Writes an audit entry in the transaction of each save and deletion, of what the save itself did not write down.

    Only entries that were written while this row was saved count, and of a change the fields they name: whatever else
    the request brought about says nothing of it.
    """

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field)  # type: ignore[misc]
        if found is not None and request.method == "POST":
            found._audit_before = state_of(found)  # before the form is applied to it
        return found

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        before = len(entries_of(request))
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        if written := entries_of(request)[before:]:
            obj._audit_left = set(form.changed_data).difference(*(entry.after or () for entry in written))  # type: ignore[attr-defined]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = len(entries_of(request))
        super().save_related(request, form, formsets, change)  # type: ignore[misc]
        form.instance._audit_below = len(entries_of(request)) > before

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        if not hasattr(obj, "_audit_left"):
            record(after=shown(state_of(obj)), **_words("added", obj, request))
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        before: State = getattr(obj, "_audit_before", {})
        after = state_of(type(obj)._base_manager.filter(pk=obj.pk).first() or obj)
        left = getattr(obj, "_audit_left", None)
        if left is not None:  # the rest of what differs came with what was written down
            after = {name: value for name, value in after.items() if name in left}
        others = "" if getattr(obj, "_audit_below", False) else _of_others(message)
        _write_change(before, after, others, _words("changed", obj, request))
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
        """Called before the rows go. One entry each: what was there is all that is left of them."""
        gone = list(queryset)
        for row in gone:
            record(before=shown(state_of(row)), **_words("deleted", row, request))
        return super().log_deletions(request, gone)  # type: ignore[misc]


def state_of(row: Model) -> State:
    """Its columns, and the keys of what it is linked with."""
    columns = {field.name: field.value_from_object(row) for field in row._meta.concrete_fields}
    linked = {
        field.name: sorted(other.pk for other in field.value_from_object(row)) for field in row._meta.many_to_many
    }
    return _plain(row, columns) | (linked if row.pk else {})


def shown(state: State) -> State:
    """Without what opens a door."""
    return {name: WITHHELD if name in SECRET else value for name, value in state.items()}


def _plain(row: Model, columns: State) -> State:
    binary = {field.name for field in row._meta.concrete_fields if isinstance(field, BinaryField)}
    return {
        name: f"{len(value or b'')} bytes" if name in binary else value if _is_json(value) else str(value)
        for name, value in columns.items()
    }


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | list | dict)


def _write_change(before: State, after: State, others: str, words: dict[str, Any]) -> None:
    """The fields that differ; a secret one by saying that it does. `others`: what changed in the rows below it."""
    changed = {name for name in after if name not in before or before[name] != after[name]}
    secret = changed & SECRET
    was = shown({name: value for name, value in before.items() if name in changed})
    now = {**{name: after[name] for name in changed}, **dict.fromkeys(secret, "(changed)")}
    if others:
        was["rows below"], now["rows below"] = "", others
    if now:
        was = {name: was.get(name) for name in now}
        record_change(before=was, after=now, **words)


def _of_others(message: Any) -> str:
    """What a change message says of inlines, in words."""
    if not isinstance(message, list):
        return ""
    below = [part for part in message if "object" in next(iter(part.values()), {})]
    return LogEntry(change_message=json.dumps(below)).get_change_message() if below else ""


def _words(verb: str, row: Model, request: HttpRequest) -> dict[str, Any]:
    workspace = row if isinstance(row, Workspace) else getattr(row, "workspace", None)
    kept = workspace if isinstance(workspace, Workspace) else None
    return {
        "action": f"admin.{verb}",
        "actor": cast(User, request.user),
        "workspace": kept,
        "target": f"{row._meta.verbose_name} {row.pk}: {row}",
        "request": request,
    }
