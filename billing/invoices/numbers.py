"""Numbers without gaps: drawn from a row of their series and year, in the transaction that issues the document.

The row stays locked until that transaction ends, so that the next one waits, and a number that is rolled back is drawn
again. Draw it last. Locks are taken in this order: wallet, document, counter.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection

from billing.credits import clock

_DRAW = """
INSERT INTO invoices_numbercounter AS c (series, year, last, last_at) VALUES (%s, %s, 1, %s)
ON CONFLICT (series, year) DO UPDATE SET last = c.last + 1, last_at = greatest(c.last_at, excluded.last_at)
RETURNING last, last_at
"""


@dataclass(frozen=True)
class Number:
    series: str
    year: int
    sequence: int
    at: datetime  # the document's date: never before that of the number before

    @property
    def text(self) -> str:
        return f"{self.series}-{self.year}-{self.sequence:06d}"


def draw(series: str) -> Number:
    """The next number of this series in this year (UTC)."""
    now = clock.now().astimezone(UTC)
    with connection.cursor() as cursor:
        cursor.execute(_DRAW, [series, now.year, now])
        sequence, at = cursor.fetchone()
    # A demo or test that sets the time tells its stories one after the other, not in the order of time.
    return Number(series, now.year, sequence, now if clock.travelled() else at)
