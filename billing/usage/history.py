"""What a workspace's requests to a model usually look like, from hourly totals."""

from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from django.db import connection

WINDOW = timedelta(days=30)
SAMPLE = 500  # the latest hours with usage of the model

_SQL = """
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY per_request) FROM (
    SELECT sum(used.quantity) FILTER (WHERE series.meter = 'output_tokens') / sum(used.requests) AS per_request
    FROM metering_hourusage used JOIN metering_series series ON series.id = used.series_id
    WHERE used.workspace_id = %s AND used.hour >= %s AND used.hour <= %s
        AND series.provider = %s AND series.model = %s
    GROUP BY used.hour HAVING sum(used.requests) > 0 ORDER BY used.hour DESC LIMIT %s
) hours WHERE per_request IS NOT NULL
"""


def usual_output(workspace_id: int, *, provider: str, model: str, now: datetime) -> Decimal | None:
    """Output tokens per request of the middle hour of the last 30 days, rounded up; None without history."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [workspace_id, now - WINDOW, now, provider, model, SAMPLE])
        row = cursor.fetchone()
    if row is None or row[0] is None:
        return None
    median: Decimal = row[0]
    return median.to_integral_value(ROUND_CEILING)
