"""Webhooks: signed, delivered after the reply and never under the lock, tried again until they are acknowledged."""

import hashlib
import hmac
import http.client
import json
import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from portal.standin.errors import Json
from portal.standin.world import World

AT_ONCE = 3  # so they arrive in any order
PATIENCE = 30.0  # seconds for an answer
GIVE_UP = 3 * 86400
LONGEST_PAUSE = 300.0
REMEMBERED = 2000


@dataclass
class Mood:
    """What tests ask for."""

    held: bool = False
    shuffle: bool = False
    copies: int = 1
    delay: tuple[float, float] = (0.0, 0.0)  # seconds, from and to


@dataclass
class Job:
    delivery: str
    event: str
    kind: str
    url: str
    secret: str
    body: bytes


@dataclass
class Courier:
    world: World
    mood: Mood = field(default_factory=Mood)
    log: deque[Json] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _back: set[str] = field(default_factory=set)  # their reply is not sent yet
    _away: set[str] = field(default_factory=set)  # being delivered
    _stirred: threading.Condition = field(default_factory=threading.Condition)
    _over: bool = False
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(AT_ONCE)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over = True
        self.stir()

    def hold(self, deliveries: list[str]) -> None:
        self._back.update(deliveries)

    def release(self, deliveries: list[str]) -> None:
        self._back.difference_update(deliveries)
        if deliveries:
            self.stir()

    def stir(self) -> None:
        with self._stirred:
            self._stirred.notify_all()

    def idle(self) -> bool:
        """Whether everything was delivered."""
        with self.world.store.transaction():
            return not self.world.store.look("delivery") and not self._away

    def _work(self) -> None:
        while not self._over:
            job = self._next()
            if job is None:
                with self._stirred:
                    self._stirred.wait(0.5)
                continue
            self._done(job, send(job.url, job.secret, job.body))

    def _next(self) -> Job | None:
        with self.world.store.transaction():
            now = time.time()
            due = [
                one
                for one in self.world.store.look("delivery")
                if one["due"] <= now and one["id"] not in self._back and one["id"] not in self._away
            ]
            if self.mood.held or not due:
                return None
            chosen = random.choice(due) if self.mood.shuffle else due[0]  # noqa: S311 - for disorder only
            delivery = self.world.store.get("delivery", chosen["id"])
            assert delivery is not None  # noqa: S101 - it was just listed
            if "copies" not in delivery:
                delivery["copies"] = self.mood.copies
                delivery["first"] = now
                if self.mood.delay[1]:
                    delivery["due"] = now + random.uniform(*self.mood.delay)  # noqa: S311
                    return None
            job = self._job(delivery)
            if job is None:
                self.world.store.remove("delivery", delivery["id"])
                return None
            self._away.add(job.delivery)
            return job

    def _job(self, delivery: Json) -> Job | None:
        """None when there is nobody any more to deliver to."""
        store = self.world.store
        endpoint = store.get("webhook_endpoint", delivery["endpoint"])
        event = store.get("event", delivery["event"])
        if endpoint is None or event is None or endpoint["status"] != "enabled":
            return None
        secret = self.world.private(endpoint["id"])["secret"]
        body = json.dumps(event).encode()
        return Job(delivery["id"], event["id"], event["type"], endpoint["url"], secret, body)

    def _done(self, job: Job, status: int | str) -> None:
        with self.world.store.transaction():
            self._away.discard(job.delivery)
            delivery = self.world.store.get("delivery", job.delivery)
            self.log.append({"event": job.event, "type": job.kind, "status": status, "at": time.time()})
            if delivery is None:
                return
            delivery["attempts"] += 1
            if isinstance(status, int) and 200 <= status < 300:
                delivery["copies"] -= 1
                if delivery["copies"] < 1:
                    self._finish(delivery)
            elif time.time() - delivery["first"] > GIVE_UP:
                self._finish(delivery)
            else:
                delivery["due"] = time.time() + min(2.0 ** (delivery["attempts"] - 1), LONGEST_PAUSE)

    def _finish(self, delivery: Json) -> None:
        self.world.store.remove("delivery", delivery["id"])
        event = self.world.store.get("event", delivery["event"])
        if event is not None:
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)


def signature(secret: str, body: bytes, at: int) -> str:
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def send(url: str, secret: str, body: bytes, *, at: int | None = None, **headers: str) -> int | str:
    """POST `body`, signed as of `at` (now). Returns the status, or why there is none."""
    target = urlsplit(url)
    kind: Any = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    connection = kind(target.hostname, target.port, timeout=PATIENCE)
    sent = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0 (simulated)"}
    sent["Stripe-Signature"] = signature(secret, body, int(time.time()) if at is None else at)
    try:
        connection.request("POST", target.path or "/", body, sent | headers)
        response = connection.getresponse()
        response.read()
        status: int = response.status
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return status
