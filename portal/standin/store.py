"""Records in the order they were made, kept in SQLite: what a request changed is written as a whole or forgotten."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from portal.standin.errors import Json

Place = tuple[str, str]  # kind and key


class Store:
    """All records live in memory as dictionaries; those that a transaction reached are compared at its end and written.

    Use it within `transaction()` only: that is the one lock of the stand-in, never held across the network.
    """

    def __init__(self, file: Path | None) -> None:
        self._lock = threading.RLock()
        self._records: dict[str, dict[str, Json]] = {}
        self._written: dict[Place, str] = {}
        self._reached: dict[Place, None] = {}
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
        self._database = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS record (position INTEGER PRIMARY KEY AUTOINCREMENT,"
            " kind TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (kind, key))"
        )
        for kind, key, text in self._database.execute("SELECT kind, key, text FROM record ORDER BY position"):
            self._written[kind, key] = text
            self._records.setdefault(kind, {})[key] = json.loads(text)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            self._reached.clear()
            try:
                yield
            except BaseException:
                self._forget()
                raise
            self._write()

    def add(self, kind: str, key: str, record: Json) -> Json:
        self._reached[kind, key] = None
        self._records.setdefault(kind, {})[key] = record
        return record

    def get(self, kind: str, key: str) -> Json | None:
        """The record itself: a change to it counts."""
        self._reached[kind, key] = None
        return self._records.get(kind, {}).get(key)

    def remove(self, kind: str, key: str) -> None:
        self._reached[kind, key] = None
        self._records.get(kind, {}).pop(key, None)

    def all(self, kind: str) -> list[Json]:
        """The records themselves, oldest first."""
        records = self._records.get(kind, {})
        self._reached |= {(kind, key): None for key in records}
        return list(records.values())

    def look(self, kind: str) -> list[Json]:
        """As `all`, to read only."""
        return list(self._records.get(kind, {}).values())

    def kinds(self) -> list[str]:
        return list(self._records)

    def has(self, kind: str, key: str) -> bool:
        return key in self._records.get(kind, {})

    def snapshot(self) -> dict[Place, str | None]:
        """What `back_to` needs to undo everything that happens from now on within the transaction."""
        return {place: self._text(place) for place in self._reached}

    def back_to(self, before: dict[Place, str | None]) -> None:
        for place in self._reached:
            self._set(place, before[place] if place in before else self._written.get(place))

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _text(self, place: Place) -> str | None:
        record: Any = self._records.get(place[0], {}).get(place[1])
        return None if record is None else json.dumps(record)

    def _set(self, place: Place, text: str | None) -> None:
        kind, key = place
        if text is None:
            self._records.get(kind, {}).pop(key, None)
        elif self._text(place) != text:
            self._records.setdefault(kind, {})[key] = json.loads(text)

    def _forget(self) -> None:
        for place in self._reached:
            self._set(place, self._written.get(place))

    def _write(self) -> None:
        changes = [(place, text) for place in self._reached if (text := self._text(place)) != self._written.get(place)]
        if not changes:
            return
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for (kind, key), text in changes:
                if text is None:
                    self._database.execute("DELETE FROM record WHERE kind = ? AND key = ?", (kind, key))
                else:
                    self._database.execute(
                        "INSERT INTO record (kind, key, text) VALUES (?, ?, ?)"
                        " ON CONFLICT (kind, key) DO UPDATE SET text = excluded.text",
                        (kind, key, text),
                    )
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        for place, text in changes:
            if text is None:
                self._written.pop(place, None)
            else:
                self._written[place] = text
