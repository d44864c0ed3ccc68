"""Where the processes count together. Both stores answer: how many of `wanted` requests may be taken now?

A store counts a slice when it is taken, used or not, so all processes together never exceed the limit.
"""

import logging
from typing import Protocol

import redis
from django.conf import settings
from django.db import connection

logger = logging.getLogger(__name__)


class Store(Protocol):
    def take(self, *, key: str, minute: int, wanted: int, limit: int) -> tuple[int, int]:
        """(how many of `wanted` were granted, how many are taken in this minute by all)."""


class PostgresStore:
    def take(self, *, key: str, minute: int, wanted: int, limit: int) -> tuple[int, int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO api_rate_window AS w (key, minute, used) VALUES (%s, %s, %s) "
                "ON CONFLICT (key, minute) DO UPDATE SET used = w.used + excluded.used WHERE w.used < %s "
                "RETURNING used",
                [key, minute, wanted, limit],
            )
            row = cursor.fetchone()
        return granted(used=row[0], wanted=wanted, limit=limit) if row else (0, limit)


class RedisStore:
    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self._fallback = PostgresStore()

    def take(self, *, key: str, minute: int, wanted: int, limit: int) -> tuple[int, int]:
        name = f"purser:rate:{key}:{minute}"
        try:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.incrby(name, wanted)
            pipeline.expire(name, 180)
            used = int(pipeline.execute()[0])
        except redis.RedisError:
            # Usage that happened must not be lost because the counter is: the database counts instead.
            logger.warning("Redis does not answer; rate limits are counted in the database", exc_info=True)
            return self._fallback.take(key=key, minute=minute, wanted=wanted, limit=limit)
        return granted(used=used, wanted=wanted, limit=limit)


def granted(*, used: int, wanted: int, limit: int) -> tuple[int, int]:
    before = used - wanted
    return max(0, min(wanted, limit - before)), min(used, limit)


def configured_store() -> Store:
    return RedisStore(settings.REDIS_URL) if settings.REDIS_URL else PostgresStore()
