"""A month's statement as people read it: months of the workspace's time zone, sources and lines in words."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.urls import reverse

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import credits
from billing.ledger.models import Transfer
from billing.ledger.trial.lines import (
    BOUGHT,
    CORRECTED,
    EXPIRED,
    GRANTED,
    LINES,
    OWED,
    REFUNDED,
    REPAID,
    RETURNED,
    ROWS,
    USED,
)
from billing.ledger.trial.month import month_of
from billing.ledger.trial.movements import USAGE, Movement, movements
from billing.ledger.trial.statement import Cell, Statement, Totals, statement
from billing.metering.selectors import days
from billing.overview.words import SOURCES, kind_words

LINE_NAMES: Final = {
    GRANTED: "Granted",
    BOUGHT: "Bought",
    RETURNED: "Usage taken back",
    CORRECTED: "Corrected",
    USED: "Used",
    EXPIRED: "Expired",
    REFUNDED: "Refunded",
    REPAID: "Paid what was owed",
}
ROW_NAMES: Final = {**SOURCES, OWED: "Owed"}
SOMETIMES: Final = (RETURNED, REPAID)  # lines that are left out where there is nothing on them


@dataclass(frozen=True, kw_only=True)
class Month:
    """The month that begins on `first`; `earlier` and `later` are the nearest with a statement, None where there is
    none.
    """

    first: date
    earlier: date | None
    later: date | None
    choices: tuple[date, ...]


@dataclass(frozen=True, kw_only=True)
class SheetLine:
    """A line of the table: what it added to each row (in their order), and in all."""

    name: str
    amounts: tuple[int, ...]
    total: int


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A movement in words."""

    title: str
    detail: str
    at: datetime
    is_day: bool
    source: str
    amount: int
    url: str


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which movements are listed; empty means all."""

    row: str
    line: str

    @property
    def query(self) -> dict[str, str]:
        return {name: value for name, value in (("source", self.row), ("kind", self.line)) if value}


def chosen_month(workspace: Workspace, text: str) -> Month | None:
    """The month that an address names, by default the running one; None for one that is none or has not begun."""
    zone = days.zone(workspace.time_zone)
    present = days.month_of(days.local_day(clock.now(), zone))
    first = month_of(text) if text else present
    if first is None or first > present:
        return None
    began = Transfer.objects.filter(workspace_id=workspace.pk, seq=1).values_list("created_at", flat=True).first()
    oldest = min(days.month_of(days.local_day(began, zone)) if began else present, present)
    known = days.months(oldest, present)
    return Month(
        first=first,
        earlier=max((month for month in known if month < first), default=None),
        later=min((month for month in known if month > first), default=None),
        choices=tuple(sorted({first, *known}, reverse=True)),
    )


def chosen(query: Mapping[str, str]) -> Chosen:
    """What the filters say; whatever cannot be read is left out."""
    row, line = query.get("source", ""), query.get("kind", "")
    return Chosen(row=row if row in ROWS else "", line=line if line in LINES else "")


def month_statement(workspace: Workspace, month: date) -> Statement:
    zone = days.zone(workspace.time_zone)
    edges = [days.starts(day, zone) for day in days.days(month, days.next_month(month))]
    return statement(workspace.pk, edges, now=clock.now())


def sheet(of: Statement) -> list[SheetLine]:
    """The lines of the table between opening and closing."""
    return [
        SheetLine(name=name, amounts=tuple(of.cell(row, line).net for row in ROWS), total=of.cell(None, line).net)
        for line, name in LINE_NAMES.items()
        if line not in SOMETIMES or any(of.cell(row, line) != Cell() for row in ROWS)
    ]


def row_totals(of: Statement) -> list[Totals]:
    return [of.totals(row) for row in ROWS]


def listed(workspace: Workspace, of: Statement, only: Chosen) -> Iterator[Moved]:
    """The chosen movements, oldest first."""
    return (_in_words(workspace, each) for each in movements(workspace.pk, of, row=only.row, line=only.line))


@dataclass(frozen=True, kw_only=True)
class Sum:
    """What the chosen movements add up to. `repaid` stands for itself, as in the table, unless it was asked for."""

    came_in: int
    went_out: int
    repaid: int

    @property
    def net(self) -> int:
        return self.came_in - self.went_out + self.repaid


def listed_sum(of: Statement, only: Chosen) -> Sum:
    if only.line:
        cell = of.cell(only.row or None, only.line)
        return Sum(came_in=cell.came_in, went_out=cell.went_out, repaid=0)
    totals = of.totals(only.row or None)
    return Sum(came_in=totals.came_in, went_out=totals.went_out, repaid=totals.repaid)


CSV_COLUMNS: Final = ("date", "until", "entry", "source", "kind", "what", "credits")


def csv_rows(workspace: Workspace, of: Statement, only: Chosen) -> Iterator[list[str]]:
    """The chosen movements, with opening and closing of each source around them unless one kind was chosen."""
    zone = days.zone(workspace.time_zone)
    rows = [row for row in ROWS if only.row in ("", row)]
    if not only.line:
        yield from _edge_rows("opening", of.since.astimezone(zone), ((row, of.totals(row).opening) for row in rows))
    for each in movements(workspace.pk, of, row=only.row, line=only.line):
        moved = _in_words(workspace, each)
        what = f"{moved.title}: {moved.detail}" if moved.detail else moved.title
        until = each.until.astimezone(zone).isoformat() if each.until else ""
        entry = str(each.seq or "")
        when = each.at.astimezone(zone).isoformat()
        yield [when, until, entry, each.row, each.line, what, f"{credits(each.amount):f}"]
    if not only.line:
        end = min(of.until, of.as_of).astimezone(zone)
        yield from _edge_rows("closing", end, ((row, of.totals(row).closing) for row in rows))


def _edge_rows(kind: str, at: datetime, amounts: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    for row, amount in amounts:
        yield [at.isoformat(), "", "", row, kind, kind.capitalize(), f"{credits(amount):f}"]


def _in_words(workspace: Workspace, movement: Movement) -> Moved:
    title = "Usage" if movement.kind == USAGE else kind_words(movement.kind)[0]
    label = movement.label + (f" and {movement.more_labels} more" if movement.more_labels else "")
    details = dict.fromkeys(text for text in (label, movement.reason) if text and text != title)
    if movement.seq is None and movement.kind != USAGE:
        details["being booked"] = None
    return Moved(
        title=title,
        detail=" · ".join(details),
        at=movement.at,
        is_day=movement.until is not None,
        source=ROW_NAMES[movement.row],
        amount=movement.amount,
        url=reverse("overview:entry", args=[workspace.public_id, movement.seq]) if movement.seq else "",
    )
