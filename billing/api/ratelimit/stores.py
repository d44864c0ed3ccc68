"""Where the processes count together. Both stores answer: how many of `wanted` requests may be taken now?

A store counts a slice when it is taken, used or not, so all processes together never exceed the limit.
"""

import logging
from collections.abc import Sequence
from typing import Protocol

import redis
from django.conf import settings
from django.db import connection

logger = logging.getLogger(__name__)


class Store(Protocol):
    def take(self, *, key: str, minute: int, wanted: int, limit: int) -> tuple[int, int]:
        """(how many of `wanted` were granted, how many are taken in this minute by all)."""

    def used(self, *, keys: Sequence[str], minute: int) -> dict[str, int]:
        """How many are taken in this minute, at least; keys that took none may be missing. Takes none."""


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

    def used(self, *, keys: Sequence[str], minute: int) -> dict[str, int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT key, used FROM api_rate_window WHERE key = ANY(%s) AND minute = %s", [list(keys), minute]
            )
            return dict(cursor.fetchall())


class RedisStore:
    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self._fallback = PostgresStore()

    def take(self, *, key: str, minute: int, wanted: int, limit: int) -> tuple[int, int]:
        name = _name(key, minute)
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

    def used(self, *, keys: Sequence[str], minute: int) -> dict[str, int]:
        try:
            counts = self._redis.mget([_name(key, minute) for key in keys]) if keys else []
        except redis.RedisError:
            return self._fallback.used(keys=keys, minute=minute)
        return {key: int(count or 0) for key, count in zip(keys, counts, strict=True)}


def _name(key: str, minute: int) -> str:
    return f"purser:rate:{key}:{minute}"


def granted(*, used: int, wanted: int, limit: int) -> tuple[int, int]:
    before = used - wanted
    return max(0, min(wanted, limit - before)), min(used, limit)


def configured_store() -> Store:
    return RedisStore(settings.REDIS_URL) if settings.REDIS_URL else PostgresStore()
