"""Periods as addresses name them: ?period=today, or ?from=2027-01-01&to=2027-01-31. Days and months are UTC. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from billing.ledger.trial.month import month_of, next_month

FIRST: Final = date(2000, 1, 1)
LAST: Final = date(2099, 12, 31)
NAMES: Final = {
    "today": "Today",
    "yesterday": "Yesterday",
    "month": "This month",
    "last_month": "Last month",
    "year": "Last 12 months",
}


class NoSuchPeriod(ValueError):
    """What was asked for is no period. Its text says what to write."""


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `since` to before `until`. `name` is one of NAMES, or empty for chosen days."""

    since: date
    until: date
    name: str = ""

    @property
    def last(self) -> date:
        return self.until - timedelta(days=1)

    @property
    def words(self) -> str:
        days = f"{_day(self.since)} to {_day(self.last)}" if self.since != self.last else _day(self.since)
        return f"{NAMES[self.name]}, {days}" if self.name else days

    @property
    def query(self) -> str:
        """As the address of another page names it."""
        return f"period={self.name}" if self.name else f"from={self.since}&to={self.last}"


def period_of(query: Mapping[str, str], today: date) -> Period:
    """The period that `query` asks for; this month if it asks for none. Raises NoSuchPeriod."""
    if query.get("from") or query.get("to"):
        since, last = _date(query.get("from", "")), _date(query.get("to", ""))
        if since > last:
            raise NoSuchPeriod("The first day is after the last one. Change one of them.")
        return Period(since, last + timedelta(days=1))
    name = query.get("period") or "month"
    if name not in NAMES:
        raise NoSuchPeriod(f"There is no period “{name}”. Choose one of: {', '.join(NAMES)}.")
    tomorrow, first = today + timedelta(days=1), today.replace(day=1)
    match name:
        case "today":
            return Period(today, tomorrow, name)
        case "yesterday":
            return Period(today - timedelta(days=1), today, name)
        case "last_month":
            return Period((first - timedelta(days=1)).replace(day=1), first, name)
        case "year":
            return Period(next_month(first.replace(year=first.year - 1)), tomorrow, name)
    return Period(first, tomorrow, name)


def months_of(query: Mapping[str, str], today: date, *, most: int = 120) -> tuple[date, date]:
    """The months from the first of `from` to before the second date, as months: ?from=2027-01&to=2027-03. This year's
    months when nothing is asked for. Raises NoSuchPeriod.
    """
    texts = query.get("from", ""), query.get("to", "")
    if not any(texts):
        return today.replace(month=1, day=1), next_month(today)
    since, last = (month_of(text) for text in texts)
    if since is None or last is None:
        raise NoSuchPeriod("Write both months like 2027-01.")
    if since > last:
        raise NoSuchPeriod("The first month is after the last one. Change one of them.")
    if (last.year - since.year) * 12 + last.month - since.month >= most:
        raise NoSuchPeriod(f"Choose at most {most} months.")
    return since, next_month(last)


def _date(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise NoSuchPeriod("Write both days like 2027-01-31.") from None
    if not FIRST <= found <= LAST:
        raise NoSuchPeriod(f"Choose days from {FIRST.year} to {LAST.year}.")
    return found


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
