"""The stretch of days a usage page looks at. Pure but for the query's shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

PRESETS = {"7": "7 days", "30": "30 days", "90": "90 days"}
MOST_DAYS = 366
EARLIEST = date(2000, 1, 1)


@dataclass(frozen=True, kw_only=True)
class DayRange:
    """`first` to `last`, both included. `preset` is empty for dates that a person chose."""

    first: date
    last: date
    preset: str
    problem: str = ""

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def query(self) -> dict[str, str]:
        """What a link needs to come back here."""
        if self.preset:
            return {"range": self.preset}
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


def day_range(query: Mapping[str, str], *, today: date, default: str = "30") -> DayRange:
    """`range=7|30|90`, or `from` and `to`; whatever cannot be read falls back to the default and says why."""
    start, end = query.get("from", ""), query.get("to", "")
    if not (start or end):
        return _preset(query.get("range", ""), today, default)
    try:
        last = date.fromisoformat(end) if end else today
        first = date.fromisoformat(start) if start else last - timedelta(days=29)
    except (ValueError, OverflowError):
        return _preset("", today, default, problem="These dates could not be read; showing the last days instead.")
    first, last = sorted((_within(first, today), _within(last, today)))
    problem = ""
    if (last - first).days >= MOST_DAYS:
        first = last - timedelta(days=MOST_DAYS - 1)
        problem = f"At most {MOST_DAYS} days fit one page, so it begins on {first:%-d %b %Y}."
    return DayRange(first=first, last=last, preset="", problem=problem)


def _preset(name: str, today: date, default: str, problem: str = "") -> DayRange:
    name = name if name in PRESETS else default
    return DayRange(first=today - timedelta(days=int(name) - 1), last=today, preset=name, problem=problem)


def _within(day: date, today: date) -> date:
    """Nothing is counted before EARLIEST nor after today, and calendars end somewhere."""
    return min(max(day, EARLIEST), today)
