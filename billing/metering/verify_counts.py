"""Are the counters of months what events counted? A part of verify_usage.

Counters are read under the wallet lock, together with the last ids that had been given out; events are streamed
afterwards. What was priced later, or taken back, without an operation cannot be placed before or after that moment:
so what does not fit is looked at again.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from billing.metering.counters import counted_by, month_of
from billing.metering.models import MonthCount
from billing.metering.verify_hours import Moment, locked_moment
from billing.pricing.meters import MAX, peak_counter
from billing.pricing.models import Meter
from billing.pricing.terms import terms_for

CHUNK = 2_000
TRIES = 3

_EVENTS = """
SELECT e.occurred_at, e.id, e.booked_at, e.operation_id, e.priced_at IS NOT NULL, r.event_id IS NOT NULL,
    r.operation_id, CASE WHEN strpos(e.lines::text, '"counter"') > 0 THEN e.lines::text ELSE '[]' END,
    CASE WHEN e.problem = '' AND e.usage ?| %s::text[] THEN e.usage::text ELSE '{}' END
FROM metering_usageevent e LEFT JOIN metering_eventreversal r ON r.event_id = e.id
WHERE e.workspace_id = %s AND (e.occurred_at, e.id) < (%s, %s) AND e.id <= %s
ORDER BY e.occurred_at DESC, e.id DESC LIMIT %s
"""

Counts = dict[tuple[date, str], Decimal]


def count_problems(workspace_id: int) -> Sequence[tuple[str, str]]:
    """(code, detail) of each counter that is not what the events of its month counted."""
    highest = list(Meter.objects.filter(aggregation=MAX).values_list("key", flat=True))
    problems: list[tuple[str, str]] = []
    for _ in range(TRIES):
        with transaction.atomic():
            moment = locked_moment(workspace_id)
            rows = MonthCount.objects.filter(workspace_id=workspace_id).values_list("month", "name", "quantity")
            found: Counts = {(month, name): quantity for month, name, quantity in rows}
        if moment is None or not (found or highest or terms_for(workspace_id).schedules):
            return []
        expected = _count(workspace_id, moment, highest)
        problems = [
            ("month_count", f"{name} of {month:%Y-%m} says {found.get(key, 0)}, its events say {expected.get(key, 0)}")
            for key in sorted(found.keys() | expected.keys())
            for month, name in [key]
            if found.get(key, 0) != expected.get(key, 0)
        ]
        if not problems:
            break
    return problems


def _count(workspace_id: int, moment: Moment, highest: Sequence[str]) -> Counts:
    counts: defaultdict[tuple[date, str], Decimal] = defaultdict(Decimal)
    at: Any = "infinity"
    pk = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_EVENTS, [list(highest), workspace_id, at, pk, moment.last_event, CHUNK])
            rows = cursor.fetchall()
        for _, _, booked_at, operation, priced_later, taken_back, reversal, lines, usage in rows:
            if priced_later and operation and operation > moment.last_operation:
                continue
            month = month_of(booked_at)
            if not taken_back or (reversal and reversal > moment.last_operation):
                for name, quantity in counted_by(json.loads(lines)).items():
                    counts[month, name] += quantity
            for meter, value in json.loads(usage).items():
                if meter in highest and Decimal(value):
                    key = month, peak_counter(meter)
                    counts[key] = max(counts[key], Decimal(value))
        if len(rows) < CHUNK:
            return dict(counts)
        at, pk = rows[-1][:2]
