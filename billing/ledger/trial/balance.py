"""The trial balance: everything that was issued is somewhere, at every moment.

Per source of credits: issued = available + held + scheduled + spent + debt paid + expired + refunded + adjusted. What
is there is read from the lots, what happened from the transfers and their takes, what is owed from the wallets: they
are kept apart, so a difference other than zero means that one of them is wrong.

Spending beyond the balance has no source: `unsourced` has what was incurred, less what credits that came in later paid
of it (which is those credits' use), and what is still owed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from functools import reduce
from typing import Final

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.format import exact_text
from billing.ledger.accounts import ADJUSTED, AVAILABLE, DEBT, EXPIRED, HELD, ISSUED, REFUNDED, SCHEDULED, SPENT
from billing.ledger.burn import SOURCES
from billing.ledger.records import Problem
from billing.ledger.trial.books import Books, books
from billing.ledger.trial.month import next_month

UNSOURCED: Final = "unsourced"
TOTAL: Final = "total"
ROWS: Final = (*SOURCES, UNSOURCED)
CHUNK = 500  # workspaces in one statement
POCKETS: Final = (AVAILABLE, HELD, SCHEDULED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What one source of credits did in a period, in nano-credits. What left and came back is subtracted.

    opening + issued = spent + repaid + expired + refunded + adjusted + closing + difference.
    """

    source: str
    opening: int = 0
    issued: int = 0
    spent: int = 0
    repaid: int = 0  # paid what was owed; negative for `unsourced`, which is relieved of it
    expired: int = 0
    refunded: int = 0
    adjusted: int = 0  # taken away by corrections; negative when they gave more
    available: int = 0
    held: int = 0
    scheduled: int = 0
    owed: int = 0
    difference: int = 0

    @property
    def closing(self) -> int:
        """What was there at the end, less what was owed."""
        return self.available + self.held + self.scheduled - self.owed

    def __add__(self, other: "Row") -> "Row":
        numbers = (field.name for field in fields(Row) if field.name != "source")
        return Row(source=self.source, **{name: getattr(self, name) + getattr(other, name) for name in numbers})


@dataclass(frozen=True, kw_only=True, slots=True)
class Second:
    """The same number by other ways; None where a way does not know it."""

    name: str
    lots: int | None
    transfers: int
    wallets: int | None

    @property
    def agrees(self) -> bool:
        return all(other in (None, self.transfers) for other in (self.lots, self.wallets))


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialBalance:
    """`to_date` is everything since the beginning, `in_month` the movements of `month` (UTC). Rows: plan, promotion,
    bought, unsourced, total. Each workspace is read at one moment, the first at `as_of`.
    """

    as_of: datetime
    month: date
    to_date: tuple[Row, ...]
    in_month: tuple[Row, ...]
    second: tuple[Second, ...]
    workspaces: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def trial_balance(month: date | None = None) -> TrialBalance:
    """The trial balance of all workspaces, with the movements of the month of `month` (default: this one)."""
    now = clock.now()
    first = (month or now.astimezone(UTC).date()).replace(day=1)
    edges = (_start(first), _start(next_month(first)))
    total, count = Books(), 0
    problems: list[Problem] = []
    for chunk in _chunks():
        for workspace_id, each in books(chunk, edges).items():
            problems += _problems(workspace_id, each)
            total.add(each)
        count += len(chunk)
    return TrialBalance(
        as_of=now,
        month=first,
        to_date=_with_total(_to_date(total, source) for source in ROWS),
        in_month=_with_total(_in_month(total, source) for source in ROWS),
        second=_second(total),
        workspaces=count,
        problems=tuple(problems),
    )


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _chunks() -> Iterator[list[int]]:
    last = 0
    while chunk := list(Workspace.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        yield chunk
        last = chunk[-1]


def _with_total(rows: Iterator[Row]) -> tuple[Row, ...]:
    found = tuple(rows)
    return (*found, reduce(Row.__add__, found, Row(source=TOTAL)))


def _to_date(books: Books, source: str) -> Row:
    return _row(books, source, first=0, last=2)


def _in_month(books: Books, source: str) -> Row:
    return _row(books, source, first=1, last=1)


def _row(books: Books, source: str, *, first: int, last: int) -> Row:
    """Opening from the beginning of history on, closing from what is there now back to the end of the period: where
    they meet is the difference.
    """
    before, within, after = range(first), range(first, last + 1), range(last + 1, 3)
    closing = {pocket: books.lots(source, pocket) - books.net(source, pocket, after) for pocket in POCKETS}
    owed = books.owed + books.net_all(DEBT, after) if source == UNSOURCED else 0
    opening = sum(books.net(source, pocket, before) for pocket in POCKETS)
    if source == UNSOURCED:
        opening += books.net_all(DEBT, before)
        repaid = -sum(books.net(other, DEBT, within) for other in SOURCES)
    else:
        repaid = books.net(source, DEBT, within)
    issued = -books.net(source, ISSUED, within)
    used = {name: books.net(source, name, within) for name in (SPENT, EXPIRED, REFUNDED, ADJUSTED)}
    there = sum(closing.values()) - owed
    return Row(
        source=source,
        opening=opening,
        issued=issued,
        repaid=repaid,
        owed=owed,
        difference=opening + issued - repaid - sum(used.values()) - there,
        **used,
        **closing,
    )


def _second(books: Books) -> tuple[Second, ...]:
    everything = range(3)
    by_lots = {pocket: sum(books.lots(source, pocket) for source in SOURCES) for pocket in POCKETS}
    by_wallets = {AVAILABLE: books.available, HELD: books.held}
    pockets = [
        Second(
            name=pocket,
            lots=by_lots[pocket],
            transfers=books.net_all(pocket, everything),
            wallets=by_wallets.get(pocket),
        )
        for pocket in POCKETS
    ]
    owed = Second(name="owed", lots=None, transfers=-books.net_all(DEBT, everything), wallets=books.owed)
    return (*pockets, owed)


def _problems(workspace_id: int, books: Books) -> Iterator[Problem]:
    """What does not add up in one workspace."""
    for source in ROWS:
        row = _to_date(books, source)
        if row.difference:
            detail = f"{source}: {exact_text(row.difference)} credits of what was issued are nowhere to be found"
            yield Problem(workspace_id, "trial_balance", detail)
    for way in _second(books):
        if not way.agrees:
            known = {"lots": way.lots, "transfers": way.transfers, "wallet": way.wallets}
            parts = (f"{exact_text(said)} by its {name}" for name, said in known.items() if said is not None)
            yield Problem(workspace_id, "trial_balance", f"{way.name}: {', '.join(parts)}")
