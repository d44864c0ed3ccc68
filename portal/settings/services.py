"""Database, cache, broker, e-mail: embedded defaults, or one environment variable each."""

from typing import Any

from portal.embedded.places import places
from portal.settings.env import HOME, env, own_directory

DATABASE_URL = env.str("DATABASE_URL", "")
EMBEDDED = not DATABASE_URL
# Demo data and the outbox page: the embedded database only, or by explicit request.
DEMO = env.bool("PURSER_DEMO", EMBEDDED)

DATABASES: dict[str, dict[str, Any]] = {
    "default": (
        env.dj_db_url("DATABASE_URL")
        if DATABASE_URL
        else {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "purser",
            "USER": "postgres",
            "HOST": str(places(HOME).socket_dir),  # the embedded server listens on a unix socket only
            "PORT": "5432",
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

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "") or "filesystem://localhost"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "purser"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 1800
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", 2)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(HOME / "celerybeat-schedule")
CELERY_TIMEZONE = "UTC"
if CELERY_BROKER_URL.startswith("filesystem:"):
    broker = HOME / "broker"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(own_directory(broker / "messages")),
        "data_folder_out": str(broker / "messages"),
        "control_folder": str(own_directory(broker / "control")),
    }

# Every e-mail is first a row in the outbox; EMAIL_URL says who carries it out of the house.
EMAIL_BACKEND = "billing.foundation.outbox.backend.OutboxBackend"
EMAIL_URL = env.str("EMAIL_URL", "")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Purser <purser@localhost>")

# Outbound webhooks go to public addresses by https only. Allowed besides: networks such as 10.0.0.0/8, to the
# operator's own endpoints or also to those of workspaces; and http.
WEBHOOK_ALLOW_NETWORKS: list[str] = env.list("WEBHOOK_ALLOW_NETWORKS", [])
WEBHOOK_ALLOW_NETWORKS_FOR_CUSTOMERS: list[str] = env.list("WEBHOOK_ALLOW_NETWORKS_FOR_CUSTOMERS", [])
WEBHOOK_ALLOW_HTTP = env.bool("WEBHOOK_ALLOW_HTTP", False)
