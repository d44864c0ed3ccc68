"""Purser's usage API from Python: one file, nothing but the standard library. Copy it into your project.

    purser = Purser("https://billing.example.com", key, workspace="cust_42")
    with purser.hold("openai/gpt-4o-mini", text=prompt, max_output_tokens=500) as hold:
        answer = openai.chat.completions.create(...)
        charged = hold.settle(answer.usage.model_dump(), usage_format="openai")

Credits and quantities are exact Decimals both ways. What the portal refuses is a Problem, and nothing was charged then.
A request that got no answer, or 429, 502, 503 or 504, is sent again with the same ids for `patience` seconds, so it
counts once however often it is sent. One client may be shared by threads; each has its own connection.
"""

import http.client
import json
import random
import ssl
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypedDict, Unpack
from urllib.parse import quote, urlsplit

Number: TypeAlias = int | float | str | Decimal
AGAIN = frozenset({429, 502, 503, 504})


class Problem(Exception):
    """The portal's refusal. `code` is stable; `detail` is for people; `members` are the document's other fields
    (`missing` credits, `hold_status`, …).
    """

    def __init__(self, status: int, document: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = self.status_code = status
        self.code = str(document.get("code", ""))
        self.detail = str(document.get("detail", ""))
        self.errors: list[dict[str, Any]] = list(document.get("errors", []))
        self.members = dict(document)
        self.retry_after = retry_after
        super().__init__(f"{status} {self.code}: {self.detail}")


class PaymentRequired(Problem):
    """402: the balance or a budget does not allow this request. `missing` credits would make it go through."""

    @property
    def missing(self) -> Decimal | None:
        missing = self.members.get("missing")
        return None if missing is None else Decimal(missing)


class Unreachable(Exception):
    """No answer within the client's patience. It may have been done: repeat it with the same ids to find out.

    `key` is the Idempotency-Key it was sent with, which `authorize` makes when none is given.
    """

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class Asked(TypedDict, total=False):
    """What is about to be asked: a usage to expect, or a text and how long the answer may be."""

    usage: Mapping[str, Any]
    usage_format: str
    text: str
    max_output_tokens: Number
    variant: Mapping[str, Any]
    project: str
    task: str


class Held(Asked, total=False):
    max_credits: Number  # hold exactly so many
    expires_in: int  # seconds, at most 86,400
    agent: str
    app: str


class Extra(TypedDict, total=False):
    """What else may be told of a completed request."""

    usage_format: str  # "openai", "anthropic", "gemini": `usage` is that provider's object as it is
    variant: Mapping[str, Any]
    occurred_at: str | datetime
    project: str
    agent: str
    app: str
    task: str
    end_user: str
    metadata: Mapping[str, Any]


class Event(Extra, total=False):
    """One completed request of a batch; it needs `event_id` and `usage`."""

    event_id: str  # your own id of it: the same id is charged once
    model: str
    usage: Mapping[str, Any]
    hold: str
    workspace: str  # service keys only


@dataclass(frozen=True)
class Estimate:
    credits: Decimal
    cost_usd: Decimal
    balance: Decimal
    balance_after: Decimal
    sufficient: bool
    basis: str
    answer: dict[str, Any] = field(repr=False)  # the whole answer


@dataclass(frozen=True)
class Authorization:
    hold: str
    credits: Decimal
    expires_at: datetime
    balance: Decimal
    held: Decimal
    answer: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Recorded:
    event_id: str
    credits: Decimal
    balance: Decimal
    held: Decimal
    debt: Decimal
    state: str  # "healthy", "low", "stopped"
    unrated: str  # why nothing was charged: "unknown_model", "unknown_meter"; else ""
    hold_status: str | None  # with a hold: "settled" or "expired"
    replay: bool  # it was recorded before
    answer: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Batch:
    accepted: int
    duplicates: int
    credits: Decimal
    unrated: list[dict[str, Any]]
    rejected: list[dict[str, Any]]  # each with `index`, `event_id`, `code`, `detail`
    answer: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Summary:
    balance: Decimal
    held: Decimal
    debt: Decimal
    state: str
    today: Decimal
    this_month: Decimal
    answer: dict[str, Any] = field(repr=False)


class Purser:
    """A portal at `url`, asked with `key`. With a service key, `workspace` is the customer's id, theirs or yours.

    `timeout` is for one attempt, `patience` for all attempts of a request; both in seconds.
    """

    def __init__(self, url: str, key: str, *, workspace: str = "", timeout: float = 10, patience: float = 30) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address such as https://billing.example.com")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path, self._tls = (
            parts.path.rstrip("/"),
            ssl.create_default_context() if parts.scheme == "https" else None,
        )
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        if workspace:
            self._headers["Purser-Workspace"] = workspace
        self.timeout, self.patience = timeout, patience
        self._here = threading.local()

    def of(self, workspace: str) -> "Purser":
        """The same client for another workspace, for service keys; they share their connections."""
        other = copy(self)
        other._headers = {**self._headers, "Purser-Workspace": workspace}
        return other

    def estimate(self, model: str, **asked: Unpack[Asked]) -> Estimate:
        """What a request would cost. Promises nothing. Raises Problem."""
        answer, _ = self.call("POST", "/usage/estimate", {"model": model, **asked})
        return Estimate(
            credits=Decimal(answer["estimated_credits"]),
            cost_usd=Decimal(answer["estimated_cost_usd"]),
            balance=Decimal(answer["balance"]),
            balance_after=Decimal(answer["balance_after_request"]),
            sufficient=answer["sufficient"],
            basis=answer["basis"],
            answer=answer,
        )

    def authorize(self, model: str, *, key: str = "", **asked: Unpack[Held]) -> Authorization:
        """Hold credits for a request before it is made. Raises PaymentRequired when they are not there.

        `key` is your id of this authorisation: the same key again answers with the same hold. Without one, a new one is
        made; a hold that was made without your learning of it costs nothing and expires.
        """
        answer, _ = self.call("POST", "/usage/authorize", {"model": model, **asked}, key=key or uuid.uuid4().hex)
        return Authorization(
            hold=answer["hold"],
            credits=Decimal(answer["credits"]),
            expires_at=datetime.fromisoformat(answer["expires_at"]),
            balance=Decimal(answer["balance"]),
            held=Decimal(answer["held"]),
            answer=answer,
        )

    def settle(
        self, hold: str, usage: Mapping[str, Any], *, model: str = "", event_id: str = "", **event: Unpack[Extra]
    ) -> Recorded:
        """Charge what the request used to its hold; the rest of it is free again. Always records, above the hold too.

        What is left out is taken from the hold, its id as `event_id`. Repeating it is safe: it counts once.
        """
        named = {name: value for name, value in (("model", model), ("event_id", event_id)) if value}
        body = {**event, **named, "usage": usage}
        return _recorded(self.call("POST", f"/usage/holds/{quote(hold, safe='')}/settle", body))

    def release(self, hold: str) -> None:
        """Give a hold back: its request used nothing. Raises Problem (hold_resolved) if it was settled or expired."""
        self.call("POST", f"/usage/holds/{quote(hold, safe='')}/release")

    def extend(self, hold: str, expires_in: int) -> datetime:
        """Let a hold live for `expires_in` seconds from now; when it ends then."""
        answer, _ = self.call("POST", f"/usage/holds/{quote(hold, safe='')}/extend", {"expires_in": expires_in})
        return datetime.fromisoformat(answer["expires_at"])

    def usage(self, model: str | None, usage: Mapping[str, Any], *, event_id: str, **event: Unpack[Extra]) -> Recorded:
        """Record one completed request. It is charged whatever the balance is. Without a model: the platform's meters.

        `event_id` is your own id of the request, such as that of the provider's answer: the same id is charged once,
        so name it again when you repeat this, after a restart of your program too.
        """
        body = {"event_id": event_id, "model": model, "usage": usage, **event}
        return _recorded(self.call("POST", "/usage", body))

    def batch(self, events: Iterable[Event]) -> Batch:
        """Record up to 1,000 completed requests, each with its `event_id`. A bad event rejects itself alone."""
        answer, _ = self.call("POST", "/usage/batch", {"events": list(events)})
        return Batch(
            accepted=answer["accepted"],
            duplicates=answer["duplicates"],
            credits=Decimal(answer["credits"]),
            unrated=answer["unrated"],
            rejected=answer["rejected"],
            answer=answer,
        )

    def summary(self) -> Summary:
        """What can be spent now, and what was spent."""
        answer, _ = self.call("GET", "/credits/summary")
        return Summary(
            balance=Decimal(answer["balance"]),
            held=Decimal(answer["held"]),
            debt=Decimal(answer["debt"]),
            state=answer["state"],
            today=Decimal(answer["usage"]["today"]),
            this_month=Decimal(answer["usage"]["thisMonth"]),
            answer=answer,
        )

    @contextmanager
    def hold(self, model: str, *, key: str = "", **asked: Unpack[Held]) -> "Iterator[Hold]":
        """A hold for the block: settle it in there. If the block ends or fails before, it is released.

        Once settling was tried it is not released, whatever happens: what was used must be charged. Settle it later
        then; the balance is charged even after the hold expired.
        """
        hold = Hold(self, self.authorize(model, key=key, **asked))
        try:
            yield hold
        except BaseException:
            with suppress(Problem, Unreachable):  # it expires by itself; the block's own error is the one to see
                hold.release()
            raise
        hold.release()

    def call(self, method: str, path: str, body: Any = None, *, key: str = "") -> tuple[dict[str, Any], bool]:
        """The answer of any endpoint below /api/v1, and whether it is the one of an earlier request.

        Only for requests that may be repeated: reading, and writing with an id. Raises Problem and Unreachable.
        """
        headers = {**self._headers, **({"Idempotency-Key": key} if key else {})}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, default=_plain, allow_nan=False).encode()
        until, pause = time.monotonic() + self.patience, 0.1
        while True:
            problem: Problem | None = None
            try:
                status, answer_headers, text = self._once(method, f"{self._path}/api/v1{path}", data, headers)
                if status < 300:
                    return json.loads(text, parse_float=Decimal), answer_headers.get("Idempotent-Replay") == "true"
                problem = _problem(status, answer_headers, text)
                # When one of the requests that run ends, only their caller knows.
                if status not in AGAIN or problem.code == "concurrency_exceeded":
                    raise problem
                wait = problem.retry_after or pause * random.uniform(0.5, 1)  # noqa: S311 - spreads the repeats
                reason: Exception = problem
            except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
                wait, reason = pause * random.uniform(0.5, 1), error  # noqa: S311
            if time.monotonic() + wait > until:
                raise problem or Unreachable(f"{method} {path}: {reason!r}", key) from reason
            time.sleep(wait)
            pause = min(pause * 2, 5)

    def _once(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, Any, bytes]:
        connection = getattr(self._here, "connection", None)
        if connection is None:
            connection = self._here.connection = self._connection()
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except BaseException:
            connection.close()
            self._here.connection = None
            raise

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self.timeout, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)


class Hold:
    """Credits held for one request."""

    def __init__(self, purser: Purser, authorization: Authorization) -> None:
        self.id, self.authorization = authorization.hold, authorization
        self._purser, self._ended = purser, False

    def settle(
        self, usage: Mapping[str, Any], *, model: str = "", event_id: str = "", **event: Unpack[Extra]
    ) -> Recorded:
        """See Purser.settle."""
        self._ended = True
        return self._purser.settle(self.id, usage, model=model, event_id=event_id, **event)

    def release(self) -> None:
        """Give it back, unless it was settled or released before."""
        if not self._ended:
            self._ended = True
            self._purser.release(self.id)

    def extend(self, expires_in: int) -> datetime:
        return self._purser.extend(self.id, expires_in)


def _recorded(answered: tuple[dict[str, Any], bool]) -> Recorded:
    answer, replay = answered
    return Recorded(
        event_id=answer["event_id"],
        credits=Decimal(answer["credits"]),
        balance=Decimal(answer["balance"]),
        held=Decimal(answer["held"]),
        debt=Decimal(answer["debt"]),
        state=answer["state"],
        unrated=answer["unrated"],
        hold_status=answer.get("hold_status"),
        replay=replay,
        answer=answer,
    )


def _problem(status: int, headers: Any, text: bytes) -> Problem:
    try:
        document = json.loads(text, parse_float=Decimal)
    except ValueError:  # a proxy in between
        document = None
    if not isinstance(document, dict):
        document = {"detail": text[:200].decode("utf-8", "replace")}
    after = headers.get("Retry-After", "")
    kind = PaymentRequired if status == 402 else Problem
    return kind(status, document, float(after) if after.isdigit() else None)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")  # a decimal string: exact, whatever reads it
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot be sent")
