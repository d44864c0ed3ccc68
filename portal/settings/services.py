"""Database, cache, broker, e-mail: embedded defaults, or one environment variable each."""

from typing import Any

from portal.settings.env import HOME, env

DATABASE_URL = env.str("DATABASE_URL", "")
EMBEDDED = not DATABASE_URL
# Demo data, simulated payments and the outbox page: the embedded database only, or by explicit request.
DEMO = env.bool("PURSER_DEMO", EMBEDDED)

DATABASES: dict[str, dict[str, Any]] = {
    "default": (
        env.dj_db_url("DATABASE_URL")
        if DATABASE_URL
        else {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "purser",
            "USER": "postgres",
            "HOST": str(HOME / "postgres"),  # the embedded server's socket directory
        }
    )
}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"] |= {"prepare_threshold": 2, "connect_timeout": 10}
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["TEST"] = {"NAME": env.str("PURSER_TEST_DATABASE", "test_purser")}

REDIS_URL = env.str("REDIS_URL", "")
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "portal_cache"}
    )
}

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "filesystem://")
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
if CELERY_BROKER_URL == "filesystem://":
    queue = HOME / "broker"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(queue / "messages"),
        "data_folder_out": str(queue / "messages"),
        "control_folder": str(queue / "control"),
    }

# Every e-mail is first a row in the outbox; EMAIL_URL says who carries it out of the house.
EMAIL_BACKEND = "billing.foundation.outbox.backend.OutboxBackend"
EMAIL_URL = env.str("EMAIL_URL", "")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Purser <purser@localhost>")
