"""The question: from the address, everything unreadable replaced by its default; and back into a link."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from accounts.models import Workspace
from billing.credits import clock
from billing.metering.selectors import days

DAYS = {"30": 30, "90": 90}
SIDES = ("model", "plan")
MOST_NAME = 290  # provider/model
MOST_CACHED = 95


@dataclass(frozen=True, kw_only=True)
class Span:
    """The last days of a workspace, today included, in its time zone."""

    first: date
    last: date
    starts: tuple[datetime, ...]  # of each day
    until: datetime

    @property
    def since(self) -> datetime:
        return self.starts[0]

    @property
    def dates(self) -> list[date]:
        return days.days(self.first, self.last)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about the last `days` of a workspace.

    `of`: one model it used ("provider/model"), or empty for all of the target's kind; `task` and `agent` narrow it
    (None: all). `cached`: percent of larger inputs that come from the prompt cache, 0 for what it was.
    """

    days: int = 30
    on: str = "model"
    of: str = ""
    model: str = ""
    task: str | None = None
    agent: str | None = None
    cached: int = 0
    plan: str = ""

    @property
    def complete(self) -> bool:
        """Whether there is something to answer."""
        return bool(self.plan if self.on == "plan" else self.model)

    @property
    def where(self) -> dict[str, str]:
        return {name: value for name, value in (("task", self.task), ("agent", self.agent)) if value is not None}

    @property
    def query(self) -> dict[str, str]:
        if self.on == "plan":
            return {"on": "plan", "days": str(self.days), "plan": self.plan}
        asked = {"on": "model", "days": str(self.days), "of": self.of, "model": self.model, **self.where}
        if self.cached:
            asked["cached"] = str(self.cached)
        return asked

    def link(self, **changes: str) -> str:
        return urlencode({**self.query, **changes})


@dataclass(frozen=True)
class Choices:
    """What a person can choose: `used` are (reference, requests) of the last days, most used first."""

    used: list[tuple[str, int]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    plans: list[tuple[str, str]] = field(default_factory=list)


def question(query: Mapping[str, str]) -> Question:
    on = query.get("on", "model")
    asked = Question(
        days=DAYS.get(query.get("days", ""), 30),
        on=on if on in SIDES else "model",
        of=_text(query, "of"),
        model=_text(query, "model"),
        cached=percent(query.get("cached", ""), default=0),
        plan=_text(query, "plan"),
    )
    narrowed = {name: _text(query, name, strip=False) for name in ("task", "agent") if name in query}
    return replace(asked, **narrowed)  # type: ignore[arg-type]


def percent(text: str, *, default: int) -> int:
    """A whole percentage of cached input, at most 95."""
    return min(int(text), MOST_CACHED) if text.isascii() and text.isdigit() and len(text) < 4 else default


def span(workspace: Workspace, count: int, *, until: datetime | None = None) -> Span:
    """The last `count` days up to now, or to `until`."""
    until = until or clock.now()
    tz = days.zone(workspace.time_zone)
    last = days.local_day(until, tz)
    first = last - timedelta(days=count - 1)
    starts = tuple(days.starts(day, tz) for day in days.days(first, last))
    return Span(first=first, last=last, starts=starts, until=until)


def _text(query: Mapping[str, str], name: str, *, strip: bool = True) -> str:
    """A name that the database can be asked for."""
    value = query.get(name, "").replace("\x00", "")[:MOST_NAME]
    return value.strip() if strip else value
