"""What the supervisor reads from the environment, before any Django setting is imported."""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from portal.home import home
from portal.run.problem import Problem

TRUE = {"1", "true", "yes", "on", "t", "y"}


@dataclass(frozen=True)
class Config:
    home: Path
    host: str
    port: int
    database_url: str
    redis_url: str
    broker_url: str
    demo: bool
    site_url: str
    workers: int
    threads: int
    stripe_key: str = ""
    x402_pay_to: str = ""

    @property
    def embedded(self) -> bool:
        return not self.database_url

    @property
    def simulated(self) -> bool:
        """Whether payments are simulated by a process of ours."""
        return self.demo and not self.stripe_key

    @property
    def simulated_usdc(self) -> bool:
        return self.demo and not self.x402_pay_to

    @property
    def contact(self) -> str:
        """The address at which we ourselves reach the web server."""
        return "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104 - compared only


def read_config() -> Config:
    database_url = os.environ.get("DATABASE_URL", "")
    demo = os.environ.get("PURSER_DEMO", "" if database_url else "1").strip().lower() in TRUE
    host = os.environ.get("HOST") or "127.0.0.1"
    if demo and not _loopback(host):
        raise Problem(f"the demo's passwords are no secret, so it is not served on HOST={host}: set PURSER_DEMO=0")
    stripe_key = os.environ.get("STRIPE_SECRET_KEY", "")
    if demo and "_live_" in stripe_key:
        raise Problem("a live key of Stripe is not used with the demo's invented customers: set PURSER_DEMO=0")
    port = _number("PORT", 8000, most=65535)
    return Config(
        home=home(),
        host=host,
        port=port,
        database_url=database_url,
        redis_url=os.environ.get("REDIS_URL", ""),
        broker_url=os.environ.get("CELERY_BROKER_URL", ""),
        demo=demo,
        site_url=(os.environ.get("SITE_URL") or f"http://localhost:{port}").rstrip("/"),
        workers=_number("WEB_WORKERS", min(_cores(), 8), most=512),
        threads=_number("WEB_THREADS", 4, most=256),
        stripe_key=stripe_key,
        x402_pay_to=os.environ.get("X402_PAY_TO", "").strip(),
    )


def _number(name: str, default: int, *, most: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise Problem(f"{name} must be a number from 1 to {most}, not {text!r}")
    return int(text)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
