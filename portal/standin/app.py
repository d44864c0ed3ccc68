"""From a request to its reply: the key, repeated requests, the resource; and the private paths beside the API."""

import base64
import hashlib
import hmac
import json
import logging
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from portal.standin.billing.invoicing import payments_of
from portal.standin.control import Control
from portal.standin.delivery import Courier
from portal.standin.errors import ApiError, Json
from portal.standin.hosted import hosted
from portal.standin.listing import OnDemand, expanded
from portal.standin.params import decode

# Importing them fills the table of routes.
from portal.standin.resources import (  # noqa: F401
    account,
    balance,
    charges,
    checkout,
    coupons,
    credit_notes,
    customers,
    disputes,
    invoices,
    payment_intents,
    payment_methods,
    portal_sessions,
    products,
    refunds,
    setup_intents,
    subscription_schedules,
    subscriptions,
    tax_rates,
    webhook_endpoints,
)
from portal.standin.routes import call
from portal.standin.world import World, new_id

log = logging.getLogger(__name__)

KEY = re.compile(r"^(sk|rk)_test_\w{8,}$")
REMEMBERED = 86400  # seconds that an idempotency key counts
LOCAL = {"127.0.0.1", "localhost"}


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: str = ""


@dataclass
class Reply:
    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)
    after: list[str] = field(default_factory=list)  # deliveries that wait until this reply is sent


class App:
    def __init__(self, world: World, courier: Courier, token: str) -> None:
        self.world = world
        self.control = Control(world, courier)
        self.courier = courier
        self._token = token
        self._on_demand: OnDemand = {
            ("invoice", "payments"): lambda invoice: payments_of(world, invoice),
            ("checkout.session", "line_items"): lambda session: checkout.lines_of(world, session),
        }

    def handle(self, request: Request) -> Reply:
        """Never raises: what we did not expect is an api_error with status 500, told in the log."""
        try:
            self._check_host(request)
            path = urlsplit(request.target).path
            if path.startswith("/v1/"):
                return self._api(request, path[4:].strip("/"))
            return self._private(request, path.strip("/"))
        except ApiError as error:
            return Reply(error.status, {"error": error.error})
        except Exception:
            log.exception("%s %s", request.method, request.target)
            return Reply(500, {"error": {"type": "api_error", "message": "The local stand-in failed; see its log."}})

    @staticmethod
    def _check_host(request: Request) -> None:
        """A page of another site, whose name was made to lead to this machine, gets nothing."""
        if urlsplit(f"//{request.headers.get('host', '')}").hostname not in LOCAL:
            raise ApiError("The local stand-in answers on the loopback address only.", status=403)

    # -- the API ----------------------------------------------------------------------------------------------------

    def _api(self, request: Request, path: str) -> Reply:
        self._check_key(request.headers.get("authorization", ""))
        fault = self.control.fault(request.method, path)
        if fault is not None and not fault.afterwards:
            return fault.reply()
        with self.world.store.transaction():
            reply = self._once(request, path)
            reply.after = self._hold_back()
        if fault is not None:
            self.courier.release(reply.after)
            return fault.reply()
        return reply

    @staticmethod
    def _check_key(header: str) -> None:
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "basic":
            value = base64.b64decode(value, validate=False).decode(errors="replace").partition(":")[0]
        if not value:
            raise ApiError("You did not provide an API key.", status=401)
        if "_live_" in value:
            raise ApiError("The local stand-in refuses live keys.", status=401, code="api_key_expired")
        if not KEY.match(value):
            raise ApiError(f"Invalid API Key provided: {value[:7]}****", status=401)

    def _once(self, request: Request, path: str) -> Reply:
        """A request with an idempotency key is carried out once; a refused one may be sent again."""
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if not key:
            return self._answer(request, path)
        print_ = hashlib.sha256(f"{path}|{request.body}".encode()).hexdigest()
        known = self.world.store.get("idempotency", key)
        if known and known["at"] > time.time() - REMEMBERED:
            if known["print"] != print_:
                raise ApiError(
                    "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                    kind="idempotency_error",
                )
            return Reply(known["status"], known["body"], {"Idempotent-Replayed": "true", "Idempotency-Key": key})
        reply = self._answer(request, path)
        kept = {"key": key, "print": print_, "status": reply.status, "body": reply.body, "at": time.time()}
        self.world.store.add("idempotency", key, kept)
        reply.headers["Idempotency-Key"] = key
        return reply

    def _answer(self, request: Request, path: str) -> Reply:
        """Raises ApiError, upon which everything is forgotten, unless it was the bank that refused."""
        query = urlsplit(request.target).query
        params = decode(request.body if request.method == "POST" else query)
        expand = params.pop("expand", [])
        try:
            answer = call(self.world, request.method, path, params)
        except ApiError as error:
            if error.status != 402:
                raise
            return Reply(402, {"error": error.error})
        return Reply(200, expanded(self.world.store, answer, expand, self._on_demand))

    def _hold_back(self) -> list[str]:
        fresh = list(self.world.fresh)
        self.world.fresh.clear()
        self.courier.hold(fresh)
        return fresh

    # -- private ------------------------------------------------------------------------------

    def _private(self, request: Request, path: str) -> Reply:
        if path == "_control/health":
            return Reply(200, {"ok": True})
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise ApiError("Not found", status=404)
        params: dict[str, Any] = json.loads(request.body) if request.body else {}
        area, _, rest = path.partition("/")
        if area == "_hosted":
            with self.world.store.transaction():
                answer = hosted(self.world, request.method, rest, params)
                return Reply(200, answer, after=self._hold_back())
        if area == "_control":
            return Reply(200, self.control.call(request.method, rest, params))
        raise ApiError("Not found", status=404)


def reply_headers(reply: Reply) -> dict[str, str]:
    return {"Content-Type": "application/json", "Request-Id": new_id("req_"), **reply.headers}
