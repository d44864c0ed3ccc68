"""Usage by stretch of time, kept in the process for as long as nothing was counted in it.

Every page asks for the same past days, which hardly ever change. What is counted in an hour, given back of it, or
priced later, moves the narrow totals of that hour, and these only ever move: so a day whose totals read as before is
as it was, exactly. Only the days that moved are read from the wide hourly usage, nearly always today alone.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from django.db import connection

from billing.metering.selectors.group import Group
from billing.metering.selectors.grouping import groups
from billing.metering.selectors.totals import floor_hour

MOST = 50_000  # groups in all, some 20 MB
# Nano-credits, requests, nano-credits given back, events that were priced later.
Counters = tuple[int, int, int, int]
NOTHING: Counters = (0, 0, 0, 0)
Key = tuple[object, ...]
V = TypeVar("V", bound=Sized)

_COUNTERS = """
SELECT width_bucket(hour, %s::timestamptz[]) - 1, sum(amount), sum(requests), sum(reversed), sum(priced_later)
FROM metering_hourtotal
WHERE workspace_id = %s AND hour >= %s AND hour < %s GROUP BY 1
"""


class _Kept(Generic[V]):
    """What was read, with the counters before it was read; the least lately used goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, tuple[object, V]] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, key: Key, counters: object) -> V | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept[0] != counters:
                return None
            self._kept.move_to_end(key)
            return kept[1]

    def put(self, key: Key, counters: object, found: V) -> None:
        with self._lock:
            if before := self._kept.pop(key, None):
                self._size -= 1 + len(before[1])
            self._kept[key] = counters, found
            self._size += 1 + len(found)
            while self._size > MOST:
                _, (_, oldest) = self._kept.popitem(last=False)
                self._size -= 1 + len(oldest)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._size = 0


days: _Kept[list[Group]] = _Kept()


@dataclass(frozen=True)
class Ranking:
    """Nano-credits by value over several days, and the values in order, largest first."""

    nano: Mapping[str, int]
    order: Sequence[str]

    def __len__(self) -> int:
        return len(self.order)


rankings: _Kept[Ranking] = _Kept()


def forget_days() -> None:
    days.clear()
    rankings.clear()


def by_stretch(
    workspace_id: int,
    *,
    by: str | None,
    starts: Sequence[datetime],
    until: datetime,
    where: Mapping[str, str] | None = None,
    counters: Sequence[Counters] | None = None,
) -> list[list[Group]]:
    """Per stretch that begins at one of `starts`, the last one ending before `until`: its groups per value of `by`.
    What `where` narrows is not kept. `counters`: what `counted` said of the same stretches.
    """
    if where:
        return _read(workspace_id, by, starts, until, where)
    ends = [*starts[1:], _whole_hour(until)]
    # The counters come first: what is counted in between makes what is kept with them look old, never too new.
    if counters is None:
        counters = counted(workspace_id, starts, until)
    keys = [(workspace_id, by, start, end) for start, end in zip(starts, ends, strict=True)]
    found = [[] if moved == NOTHING else days.get(key, moved) for key, moved in zip(keys, counters, strict=True)]
    missing = [place for place, kept in enumerate(found) if kept is None]
    if missing:
        first, last = missing[0], missing[-1]
        fresh = _read(workspace_id, by, starts[first : last + 1], ends[last])
        for place in missing:
            found[place] = fresh[place - first]
            days.put(keys[place], counters[place], fresh[place - first])
    return [kept or [] for kept in found]


def _read(
    workspace_id: int,
    by: str | None,
    starts: Sequence[datetime],
    until: datetime,
    where: Mapping[str, str] | None = None,
) -> list[list[Group]]:
    found: list[list[Group]] = [[] for _ in starts]
    for group in groups(workspace_id, by=by, since=starts[0], until=until, starts=starts, where=where):
        found[group.bucket].append(group)
    return found


def ranking(
    workspace_id: int, *, by: str, starts: Sequence[datetime], until: datetime, counters: Sequence[Counters]
) -> Ranking:
    """The stretches together. `counters`: what `counted` said of them."""
    if not starts:
        return Ranking({}, ())
    key, moved = (workspace_id, by, starts[0], until), tuple(counters)
    kept = rankings.get(key, moved)
    if kept is None:
        nano: dict[str, int] = {}
        for day in by_stretch(workspace_id, by=by, starts=starts, until=until, counters=counters):
            for group in day:
                nano[group.key] = nano.get(group.key, 0) + group.nano
        kept = Ranking(nano, sorted(nano, key=lambda value: (-nano[value], value)))
        rankings.put(key, moved, kept)
    return kept


def counted(workspace_id: int, starts: Sequence[datetime], until: datetime) -> list[Counters]:
    """What says whether something was counted in a stretch. Ask it before the stretch itself is read."""
    found = [NOTHING] * len(starts)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTERS, [list(starts), workspace_id, floor_hour(starts[0]), until])
        for place, amount, requests, reversed_, priced_later in cursor.fetchall():
            found[place] = int(amount), int(requests), int(reversed_), int(priced_later)
    return found


def _whole_hour(until: datetime) -> datetime:
    """The end of the last hour that begins before `until`."""
    hour = floor_hour(until)
    return hour if hour == until else hour + timedelta(hours=1)
