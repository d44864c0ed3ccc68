"""What can be imported. A kind reads rows into entries, says what they would do, and does it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from accounts.models import User
from portal.moving.table import Problem, Row

Facts = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Doer:
    """Who imports, for the audit."""

    actor: User | str
    request: HttpRequest | None = None
    reason: str = ""
    progress: Callable[[int], None] | None = None  # told how many rows are done, now and then

    def told(self, done: int) -> None:
        if self.progress is not None and done % 100 == 0:
            self.progress(done)

    @property
    def label(self) -> str:
        return self.actor.email if isinstance(self.actor, User) else self.actor


@dataclass(frozen=True)
class Reading:
    """Entries that can be done as they are, and what is wrong with the others."""

    entries: list[Any] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Kind(ABC):
    name: str  # in addresses and in the log
    title: str
    words: str  # what it does, a sentence or two
    columns: tuple[str, ...]
    required: tuple[str, ...]
    help: dict[str, str]  # of each column
    permissions: tuple[str, ...]
    sample: str
    most_on_page: int  # rows while a browser waits, for some seconds; the command takes more
    heads: tuple[str, ...]  # of the table that is looked at before

    @abstractmethod
    def read(self, rows: Sequence[Row]) -> Reading: ...

    @abstractmethod
    def facts(self, entries: Sequence[Any]) -> Facts:
        """What they would do: counts and sums. Writes nothing."""

    @abstractmethod
    def shown(self, entry: Any) -> list[str]:
        """One text for each of `heads`."""

    @abstractmethod
    def do(self, entries: Sequence[Any], doer: Doer) -> Facts:
        """All of it, within the caller's transaction; what it did. Raises ValidationError: then nothing is done."""
