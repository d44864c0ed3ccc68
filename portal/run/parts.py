"""The long-running parts and how each is called."""

import os
import sys

from portal.home import kept_secret
from portal.run.children import Child
from portal.run.config import Config
from portal.standin.places import TOKEN, USDC, choose_port, state_file, token_file

VOICES = ("--queues", "voice", "--concurrency", "2", "--hostname", "voices@%h")


def environment(config: Config) -> dict[str, str]:
    return os.environ | {
        "PURSER_HOME": str(config.home),
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "portal.settings"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }


def standin(config: Config) -> Child:
    """Simulated payments; their port is chosen now, and noted in the home for all who need it."""
    kept_secret(config.home, TOKEN)
    command = [
        *("-m", "portal.standin"),
        *("--port", str(choose_port(config.home))),
        *("--state", str(state_file(config.home))),
        *("--pages", f"{config.site_url}/simulated-stripe"),
        *("--token-file", str(token_file(config.home))),
    ]
    return Child("payments", [sys.executable, *command], environment(config))


def standin_usdc(config: Config) -> Child:
    """Test USDC; its port is chosen and noted in the same way."""
    command = [
        *("-m", "portal.standin_usdc"),
        *("--port", str(choose_port(config.home, USDC))),
        *("--state", str(state_file(config.home, USDC))),
    ]
    return Child("usdc", [sys.executable, *command], environment(config))


def parts(config: Config) -> list[Child]:
    web = [
        *("-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"),
        *("--host", config.host, "--port", str(config.port)),
        # Every blocking thread keeps a database connection of its own.
        *("--workers", str(config.workers), "--blocking-threads", str(config.threads)),
        *(
            "--respawn-failed-workers",
            "--workers-kill-timeout",
            "5",
            "--log-level",
            "warning",
            "portal.wsgi:application",
        ),
    ]
    # As root in a container Celery warns at length; what it fears, pickled messages, is not used.
    celery = ["-W", "ignore::Warning:celery.platforms", "-m", "celery", "-A", "portal", "--quiet"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = [*celery, "worker", "--loglevel", "WARNING", *quiet]
    # Work on voices takes seconds or days: two at once, of which at most one trains.
    voices = [*celery, "worker", "--loglevel", "WARNING", *quiet, *VOICES]
    beat = [*celery, "beat", "--loglevel", "WARNING", "--pidfile", ""]
    commands = {"web": web, "worker": worker, "beat": beat, "voices": voices}
    return [Child(name, [sys.executable, *command], environment(config)) for name, command in commands.items()]
