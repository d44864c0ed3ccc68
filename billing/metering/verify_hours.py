"""The hourly totals of a workspace for verify_usage, read month by month. The wallet is locked for milliseconds only,
however long the history, and each month's sums come with the last event and operation ids that were given out by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from billing.credits import clock
from billing.ledger.models import Wallet

Hours = dict[datetime, tuple[int, int]]  # hour → (nano-credits, requests); for hour_upstream (nano-USD, 0)

_SUMS = {
    "hour_total": "SELECT hour, amount, requests FROM metering_hourtotal WHERE {}",
    "hour_usage": "SELECT hour, sum(amount), sum(requests) FROM metering_hourusage WHERE {} GROUP BY hour",
    "end_user_hour": "SELECT hour, sum(amount), sum(requests) FROM metering_enduserhour WHERE {} GROUP BY hour",
    "hour_upstream": "SELECT hour, sum(upstream), 0 FROM metering_hourusage WHERE {} GROUP BY hour"
    " HAVING sum(upstream) <> 0",
    # Usage of before counts at noon of its day.
    "earlier": "SELECT hour, 0, sum(requests) FROM (SELECT workspace_id, requests,"
    " (day + time '12:00') AT TIME ZONE 'UTC' AS hour FROM metering_earlierusage) earlier WHERE {} GROUP BY hour",
    "hour_reversed": "SELECT hour, reversed, 0 FROM metering_hourtotal WHERE {} AND reversed <> 0",
}
_OF_MONTH = "workspace_id = %s AND hour >= %s AND hour < %s + interval '1 month'"
_MONTHS = "SELECT DISTINCT date_trunc('month', hour, 'UTC') FROM {} WHERE workspace_id = %s"
_LAST_IDS = """
SELECT (SELECT last_value FROM metering_usageevent_id_seq), (SELECT last_value FROM ledger_operation_id_seq)
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """What had been given out when something was read: ids above these came later."""

    last_event: int
    last_operation: int
    seq: int  # of the wallet
    at: datetime  # what is stamped later came later


@dataclass
class Totals:
    """Sums by finding code and hour, and the moment at which each month was read."""

    first: Moment
    last: Moment
    months: Mapping[datetime, Moment]
    sums: dict[str, Hours] = field(default_factory=lambda: {code: {} for code in _SUMS})

    def moment(self, hour: datetime) -> Moment:
        """When the totals of an hour were read. Those of a month that had none then were none from the first on."""
        return self.months.get(month_of(hour), self.first)


def read_totals(workspace_id: int) -> Totals | None:
    """None for a workspace without a wallet: it has no usage."""
    extra = [*_rows(_MONTHS.format("metering_hourusage"), workspace_id)]
    extra += _rows(_MONTHS.format("metering_enduserhour"), workspace_id)
    with transaction.atomic():
        first = locked_moment(workspace_id)
        months = {month for (month,) in [*extra, *_rows(_MONTHS.format("metering_hourtotal"), workspace_id)]}
    if first is None:
        return None
    moments: dict[datetime, Moment] = {}
    totals = Totals(first, first, moments)
    for month in sorted(months):
        with transaction.atomic():
            totals.last = moments[month] = locked_moment(workspace_id) or first
            for code, query in _SUMS.items():
                rows = _rows(query.format(_OF_MONTH), workspace_id, month, month)
                totals.sums[code] |= {hour: (int(amount), int(requests)) for hour, amount, requests in rows}
    return totals


def month_of(hour: datetime) -> datetime:
    """The beginning of its month (UTC)."""
    return hour.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def locked_moment(workspace_id: int) -> Moment | None:
    """Lock the wallet, if there is one, for the rest of the transaction; what had been given out by then."""
    wallet = Wallet.objects.select_for_update(no_key=True).filter(pk=workspace_id).first()
    ((last_event, last_operation),) = _rows(_LAST_IDS)
    if wallet is None:
        return None
    return Moment(
        last_event, last_operation, wallet.seq, max(clock.now(), wallet.last_at or datetime.min.replace(tzinfo=UTC))
    )


def _rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
