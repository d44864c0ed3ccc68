"""Which database and which home the tests use. Imported before the portal's settings read the environment."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from portal.home import BASE_DIR

# One of several processes among which pytest-xdist divides the tests; empty when there is one.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
EMBEDDED = not os.environ.get("DATABASE_URL")

STRIPE = ("STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_HOST")
USDC = ("X402_PAY_TO", "X402_NETWORKS", "X402_FACILITATOR_URL", "X402_FACILITATOR_TOKEN")
# Settings of the shell must not leak into what the tests expect.
for name in (
    *("EMAIL_URL", "SITE_URL", "PURSER_DEMO", "DEBUG", "METRICS_TOKEN", "BEHIND_PROXY", "PORT", "HOST"),
    *(*STRIPE, *USDC),
):
    os.environ.pop(name, None)
os.environ.setdefault("CHROMIUM", next(filter(None, map(shutil.which, BROWSERS)), ""))

if "PURSER_HOME" not in os.environ:
    if EMBEDDED:
        os.environ["PURSER_HOME"] = str(BASE_DIR / "var" / "test")
    else:
        os.environ["PURSER_HOME"] = tempfile.mkdtemp(prefix="purser-test-")
        atexit.register(shutil.rmtree, os.environ["PURSER_HOME"], ignore_errors=True)

if WORKER and Path(os.environ["PURSER_HOME"]).name != WORKER:
    # Each has a home, and so an embedded server, of its own, and a Redis database; pytest-django names databases apart.
    os.environ["PURSER_HOME"] = str(Path(os.environ["PURSER_HOME"]) / WORKER)
    if redis := os.environ.get("REDIS_URL"):
        server, _, number = redis.rpartition("/")
        os.environ["REDIS_URL"] = f"{server}/{int(number) + 1 + int(WORKER.removeprefix('gw'))}"
