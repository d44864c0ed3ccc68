"""The ledger as people read it: usage summed per hour, everything else one by one, a balance after each row.

Usage comes from the hourly totals, so a page costs the same for ten requests as for ten million. The balance of a
row is what was there (available + held − debt) after everything up to it, worked out backwards from the wallet.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Case, F, Q, Sum, When

from billing.ledger.accounts import AVAILABLE, DEBT, HELD
from billing.ledger.models import OF_REQUESTS, Transfer, Wallet
from billing.metering.models import HourTotal

OWN = (AVAILABLE, HELD, DEBT)  # accounts whose sum is what a workspace has
HOUR = timedelta(hours=1)
SHOW = {"all": "Everything", "usage": "Usage", "in": "Credits in", "out": "Other credits out"}
CAME_IN = Q(credit__in=OWN) & ~Q(debit__in=OWN)
WENT_OUT = Q(debit__in=OWN) & ~Q(credit__in=OWN)
LATEST = 2**62  # sorts before every transfer of the same instant
CURSOR = re.compile(r"([12]\d{7}T\d{12})-(h|\d{1,18})", re.ASCII)
# Nano-credits that usage took in an hour: what was taken back of it later has a row of its own, and what got its price
# later was taken then.
_CHARGED = F("amount") + F("reversed") - F("priced_later_amount") + F("priced_here")
_CHANGE = Case(When(credit__in=OWN, then=F("amount")), default=-F("amount"))


class BadCursor(ValueError):
    """A cursor that this list did not give."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """`delta` and `balance` in nano-credits. An hour of usage has `hour`, everything else its `transfer`."""

    at: datetime
    seq: int
    delta: int
    balance: int = 0
    hour: datetime | None = None
    requests: int = 0
    priced_here: int = 0  # part of an hour's charges: of usage before that had waited for its price
    transfer: Transfer | None = None

    @property
    def place(self) -> tuple[datetime, int]:
        return self.at, self.seq


@dataclass(frozen=True, kw_only=True)
class Page:
    rows: tuple[Row, ...]
    cursor: str  # of the next page, empty on the last one


def statement(workspace_id: int, *, show: str = "all", cursor: str = "", limit: int = 40) -> Page:
    """The latest rows before `cursor`, newest first. Raises BadCursor."""
    before = _decoded(cursor) if cursor else None
    wanted = _first(_sources(workspace_id, show, before, limit + 1), limit + 1)
    shown, more = wanted[:limit], len(wanted) > limit
    if not shown:
        return Page(rows=(), cursor="")
    # Balances need what lies between the shown rows as well.
    complete = shown if show == "all" else _between(workspace_id, before, shown[-1].place)
    balance = _balance_before(workspace_id, before)
    known: dict[tuple[datetime, int], int] = {}
    for row in complete:
        known[row.place] = balance
        balance -= row.delta
    rows = tuple(replace(row, balance=known[row.place]) for row in shown)
    return Page(rows=rows, cursor=_encoded(shown[-1].place) if more else "")


def net_change(transfer: Transfer) -> int:
    """What a transfer added to (or took from) available + held − debt."""
    return transfer.amount * ((transfer.credit in OWN) - (transfer.debit in OWN))


def _sources(workspace_id: int, show: str, before: tuple[datetime, int] | None, limit: int) -> Iterable[list[Row]]:
    if show in ("all", "usage"):
        yield [_hour_row(hour) for hour in _hours(workspace_id, before).order_by("-hour")[:limit]]
    if show != "usage":
        found = _others(workspace_id, before)
        if show != "all":
            found = found.filter(CAME_IN if show == "in" else WENT_OUT)
        yield [_transfer_row(transfer) for transfer in found.order_by("-seq")[:limit]]


def _first(sources: Iterable[Sequence[Row]], limit: int) -> list[Row]:
    merged = [row for source in sources for row in source]
    return sorted(merged, key=lambda row: row.place, reverse=True)[:limit]


def _between(workspace_id: int, before: tuple[datetime, int] | None, last: tuple[datetime, int]) -> list[Row]:
    hours = _hours(workspace_id, before).filter(hour__gte=last[0] - HOUR)
    others = _others(workspace_id, before).filter(created_at__gte=last[0])
    rows = [*map(_hour_row, hours), *map(_transfer_row, others)]
    return sorted((row for row in rows if row.place >= last), key=lambda row: row.place, reverse=True)


def _balance_before(workspace_id: int, before: tuple[datetime, int] | None) -> int:
    """What was there before everything from the cursor on happened."""
    wallet = Wallet.objects.filter(pk=workspace_id).first() or Wallet()
    now = wallet.available + wallet.held - wallet.debt
    if before is None:
        return now
    at, seq = before
    hours = HourTotal.objects.filter(workspace_id=workspace_id, hour__gte=at - HOUR)
    used = hours.aggregate(nano=Sum(_CHARGED))
    later = Q(created_at__gt=at) | Q(created_at=at, seq__gte=seq)
    others = _movements(workspace_id).filter(later).aggregate(nano=Sum(_CHANGE))
    return now + int(used["nano"] or 0) - int(others["nano"] or 0)


def _hours(workspace_id: int, before: tuple[datetime, int] | None) -> Any:
    used = HourTotal.objects.filter(Q(requests__gt=0) | Q(priced_here__gt=0), workspace_id=workspace_id)
    found = used.annotate(charged=_CHARGED)
    return found.filter(hour__lt=before[0] - HOUR) if before else found


def _others(workspace_id: int, before: tuple[datetime, int] | None) -> Any:
    found = _movements(workspace_id).select_related("operation")
    if before is None:
        return found
    at, seq = before
    return found.filter(Q(created_at__lt=at) | Q(created_at=at, seq__lt=seq))


def _movements(workspace_id: int) -> Any:
    """Everything but usage that changes what is there. Putting credits on hold, or letting them go, changes nothing."""
    return Transfer.objects.filter(CAME_IN | WENT_OUT, ~Q(kind__in=OF_REQUESTS), workspace_id=workspace_id)


def _hour_row(total: Any) -> Row:
    # Placed at the hour's end, where its sum is reached.
    return Row(
        at=total.hour + HOUR,
        seq=LATEST,
        delta=-total.charged,
        hour=total.hour,
        requests=total.requests,
        priced_here=total.priced_here,
    )


def _transfer_row(transfer: Transfer) -> Row:
    return Row(at=transfer.created_at, seq=transfer.seq, delta=net_change(transfer), transfer=transfer)


def _encoded(place: tuple[datetime, int]) -> str:
    at, seq = place
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S%f}-{'h' if seq == LATEST else seq}"


def _decoded(cursor: str) -> tuple[datetime, int]:
    found = CURSOR.fullmatch(cursor)
    if found is None:
        raise BadCursor(cursor)
    try:
        at = datetime.strptime(found[1], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadCursor(cursor) from error
    return at, LATEST if found[2] == "h" else int(found[2])
