"""What charging waiting events changes in the hourly totals: credits come in, quantities move to the series they now
belong to, and no request counts twice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from billing.ledger.roundtrip import Statement
from billing.metering import store
from billing.metering.endusers import counted_as
from billing.metering.events import Source
from billing.metering.models import UsageEvent
from billing.metering.rated import Count, EndUserCount, HourCount, RatedEvent, Rollups, counted_lines, parts
from billing.metering.selectors.totals import floor_hour
from billing.metering.series import SeriesKey, folded, series_ids

_COUNTED = """
SELECT s.digest, used.hour, s.id, s.created_on, used.quantity, used.requests FROM metering_series s
JOIN metering_hourusage used ON used.workspace_id = s.workspace_id AND used.series_id = s.id
WHERE s.workspace_id = %s AND s.digest = ANY(%s) AND used.hour = ANY(%s)
"""
_TAKE_OUT = """
UPDATE metering_hourusage SET quantity = metering_hourusage.quantity - moved.quantity,
    requests = metering_hourusage.requests - moved.requests
FROM unnest(%s::timestamptz[], %s::bigint[], %s::numeric[], %s::bigint[]) moved(hour, series, quantity, requests)
WHERE workspace_id = %s AND metering_hourusage.hour = moved.hour AND series_id = moved.series
"""
_PRICED_LATER = """
UPDATE metering_hourtotal SET priced_later = priced_later + priced.events,
    priced_later_amount = priced_later_amount + priced.amount
FROM unnest(%s::timestamptz[], %s::bigint[], %s::bigint[]) priced(hour, events, amount)
WHERE workspace_id = %s AND metering_hourtotal.hour = priced.hour
"""
_PRICED_HERE = """
INSERT INTO metering_hourtotal AS total (workspace_id, hour, amount, requests, priced_here) VALUES (%s, %s, 0, 0, %s)
ON CONFLICT (workspace_id, hour) DO UPDATE SET priced_here = total.priced_here + excluded.priced_here
"""
# A series without anything left in an hour is no row of its pages any more.
_CLEAR = """
DELETE FROM metering_hourusage USING unnest(%s::timestamptz[], %s::bigint[]) moved(hour, series)
WHERE workspace_id = %s AND metering_hourusage.hour = moved.hour AND series_id = moved.series
    AND quantity = 0 AND amount = 0 AND requests = 0 AND upstream = 0
"""


class Counted(NamedTuple):
    """A meter of a waiting event, and where it was counted so far."""

    key: SeriesKey
    quantity: Decimal
    requests: int


class Place:
    """What a series has in an hour, less what was moved out of it."""

    def __init__(self, series: int, made: date, quantity: Decimal, requests: int) -> None:
        self.series, self.made, self.quantity, self.requests = series, made, quantity, requests

    def has(self, counted: Counted, on: date) -> bool:
        return self.made <= on and self.quantity >= counted.quantity and self.requests >= counted.requests

    def move(self, counted: Counted) -> None:
        self.quantity -= counted.quantity
        self.requests -= counted.requests


class Recount:
    """Made under the wallet lock, from the stored rows as they were and how they are rated now."""

    def __init__(self, workspace_id: int, charged: Sequence[tuple[UsageEvent, RatedEvent]]) -> None:
        self.workspace_id = workspace_id
        self.rollups = Rollups(workspace_id, Source(""))
        self.moved: dict[tuple[datetime, int], tuple[Decimal, int]] = {}
        self._end_users: dict[str, int] = {}  # rows by their id as text: one name may have been counted in two
        self.hours = Counter(_hour(row) for row, _ in charged)
        counted = [(row, rated, list(_was_counted(workspace_id, row))) for row, rated in charged]
        self._places = _places(workspace_id, counted)
        for row, rated, was in counted:
            self._recount(row, rated, was)

    def statements(self, now: datetime) -> list[Statement]:
        """To be sent with the book, in this order."""
        series = series_ids((key for _, key in self.rollups.usage), rated=frozenset(self.rollups.rated), now=now)
        places = [
            [hour.isoformat() for hour, _ in self.moved],
            [str(series_id) for _, series_id in self.moved],
        ]
        amounts = [
            [format(quantity, "f") for quantity, _ in self.moved.values()],
            [str(requests) for _, requests in self.moved.values()],
        ]
        workspace = str(self.workspace_id)
        charged = [self.rollups.totals[hour].amount for hour in self.hours]
        hours = (
            [hour.isoformat() for hour in self.hours],
            [str(events) for events in self.hours.values()],
            [str(amount) for amount in charged],
        )
        here = workspace, floor_hour(now).isoformat(), str(sum(charged))
        return [
            (_PRICED_LATER, (*hours, workspace)),
            *([(_PRICED_HERE, here)] if any(charged) else []),
            (_TAKE_OUT, (*places, *amounts, workspace)),
            store.write_rollups(self.rollups, series, self._end_users),
            (_CLEAR, (*places, workspace)),
        ]

    def _recount(self, row: UsageEvent, rated: RatedEvent, was: Sequence[Counted]) -> None:
        hour = _hour(row)
        total = self.rollups.totals.setdefault(hour, HourCount(0, 0))
        total.amount += rated.nano
        end_user = self._end_user(row, hour) if row.end_user else EndUserCount()
        end_user.amount += rated.nano
        # What cannot be found where it should have been counted stays there: it must not count a second time.
        moved = {counted.key.meter: counted for counted in was if self._take_out(hour, counted, row.recorded_at.date())}
        requests = sum(counted.requests for counted in moved.values())
        for meter, quantity, amount, upstream in parts(rated.usage, counted_lines(rated)):
            end_user.quantity += quantity - rated.event.usage.get(meter, Decimal(0))  # what was reported, it has
            key = _key(self.workspace_id, row, rated.provider, rated.model, meter)
            self.rollups.rated.add(key)
            count = self.rollups.usage.setdefault((hour, key), Count(Decimal(0), 0, 0))
            if meter in moved or meter not in rated.event.usage:
                count.quantity += quantity
            count.amount += amount
            count.upstream += upstream
            count.requests += requests
            requests = 0  # counted in the series of the first meter only

    def _end_user(self, row: UsageEvent, hour: datetime) -> EndUserCount:
        """What the end user it was counted for gains: credits, and what was not counted as it counts now."""
        pk = counted_as(row).pk
        self._end_users[str(pk)] = pk
        return self.rollups.end_users.setdefault((hour, str(pk)), EndUserCount())

    def _take_out(self, hour: datetime, counted: Counted, on: date) -> bool:
        """Take it out of the series that counted it: its own, or "other" where its day had enough of them."""
        for key in (counted.key, folded(counted.key, free=True), folded(counted.key)):
            place = self._places.get((key.digest(), hour))
            if place is not None and place.has(counted, on):
                place.move(counted)
                quantity, requests = self.moved.get((hour, place.series), (Decimal(0), 0))
                self.moved[hour, place.series] = quantity + counted.quantity, requests + counted.requests
                return True
        return False


def _was_counted(workspace_id: int, row: UsageEvent) -> Iterator[Counted]:
    requests = 1
    for meter, quantity, _, _ in parts({meter: Decimal(of) for meter, of in row.usage.items()}, ()):
        yield Counted(_key(workspace_id, row, row.provider, row.model, meter), quantity, requests)
        requests = 0


def _places(
    workspace_id: int, counted: Sequence[tuple[UsageEvent, RatedEvent, Sequence[Counted]]]
) -> Mapping[tuple[bytes, datetime], Place]:
    keys = {each.key for _, _, was in counted for each in was}
    wanted = {other.digest() for key in keys for other in (key, folded(key, free=True), folded(key))}
    hours = {_hour(row) for row, _, _ in counted}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [workspace_id, list(wanted), list(hours)])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return {(bytes(digest), hour): Place(*rest) for digest, hour, *rest in rows}


def _key(workspace_id: int, row: UsageEvent, provider: str, model: str, meter: str) -> SeriesKey:
    return SeriesKey(
        workspace_id, provider, model, meter, row.project_id, row.task, row.agent, row.app, row.api_key_id
    )  # fmt: skip


def _hour(row: UsageEvent) -> datetime:
    return row.booked_at.replace(minute=0, second=0, microsecond=0)
