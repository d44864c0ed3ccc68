"""Timestamps of the database arrive as the instants they are."""

from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
from django.db import DataError, connection
from psycopg.types.datetime import TimestamptzLoader

from billing.foundation.timestamps import UtcLoader

pytestmark = pytest.mark.django_db

INSTANTS = [
    datetime(2026, 3, 1, 12, 0, 0, 123456, UTC),
    datetime(2026, 3, 1, 12, 0, 0, 120000, UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 1, UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
]


@pytest.mark.parametrize("instant", INSTANTS, ids=str)
def test_an_instant_comes_back_in_utc(instant: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz, NULL::timestamptz, ARRAY[%s]::timestamptz[]", [instant, instant])
        assert cursor.fetchone() == (instant, None, [instant])
        assert connection.connection.adapters.get_loader(1184, psycopg.pq.Format.TEXT) is UtcLoader


def test_a_session_in_another_time_zone_means_the_same_instant() -> None:
    instant = datetime(2026, 3, 1, 12, 0, 0, 5, timezone(timedelta(hours=5, minutes=30)))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Kolkata'")
        cursor.execute("SELECT %s::timestamptz", [instant])
        (found,) = cursor.fetchone()
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
    assert (found, found.tzinfo) == (instant, UTC)


def test_what_python_cannot_hold_is_an_error_and_no_other_date() -> None:
    for text in ("infinity", "10000-01-01 00:00:00+00"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::timestamptz", [text])
            with pytest.raises(DataError):
                cursor.fetchone()


def test_psycopg_itself_reads_the_same() -> None:
    text = b"2026-03-01 12:00:00.5+00"
    own, theirs = UtcLoader(1184).load(text), TimestamptzLoader(1184).load(text)
    assert own == theirs == datetime(2026, 3, 1, 12, 0, 0, 500_000, UTC)
