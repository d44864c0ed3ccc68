"""What every resource works with: objects, the clock, events."""

import copy
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from portal.standin.errors import ApiError, Json, missing_object
from portal.standin.store import Store

API_VERSION = "2026-05-27.dahlia"
ACCOUNT = "acct_1SimulatedPurser"


@dataclass
class World:
    store: Store
    pages: str  # where the portal serves our pages, without a slash at the end
    fresh: list[str] = field(default_factory=list)  # deliveries of the present request, sent after its reply
    frozen: int | None = None  # the moment at which something falls due, while it happens

    # -- time -------------------------------------------------------------------------------

    def now(self) -> int:
        """Seconds since 1970, on the clock that can be advanced, and stopped."""
        if self.frozen is not None:
            return self.frozen
        clock = self.setting("clock")
        stopped: int | None = clock.get("stopped")
        return int(time.time()) + int(clock.get("ahead", 0)) if stopped is None else stopped

    def setting(self, name: str) -> Json:
        """A small record of our own."""
        return self.store.get("setting", name) or self.store.add("setting", name, {})

    # -- objects -------------------------------------------------------------------------------

    def create(self, kind: str, prefix: str, *, livemode: bool = True, metadata: Any = None, **fields: Any) -> Json:
        """An object as the API shows it, kept. Raises resource_already_exists."""
        made = self.make(kind, prefix, livemode=livemode, metadata=metadata, **fields)
        if self.store.has(kind, made["id"]):
            raise ApiError(f"{kind.capitalize()} already exists.", code="resource_already_exists", param="id")
        return self.store.add(kind, made["id"], made)

    def make(self, kind: str, prefix: str, *, livemode: bool = True, metadata: Any = None, **fields: Any) -> Json:
        """One that is part of another. Some kinds have no `livemode`, and those without `metadata` are given False."""
        made: Json = {"id": fields.pop("id", None) or new_id(prefix), "object": kind, "created": self.now()}
        if livemode:
            made["livemode"] = False
        if metadata is not False:
            made["metadata"] = dict(metadata or {})
        return made | fields

    def get(self, kind: str, key: Any, param: str = "id") -> Json:
        """Raises resource_missing."""
        found = self.store.get(kind, key) if isinstance(key, str) else None
        if found is None:
            raise missing_object(kind, key, param)
        return found

    def find(self, kind: str, **match: Any) -> list[Json]:
        """The newest first."""
        return [one for one in reversed(self.store.all(kind)) if all(one.get(k) == v for k, v in match.items())]

    def private(self, key: str) -> Json:
        """What we know about an object and the API does not show: a card's number, an endpoint's secret."""
        return self.store.get("private", key) or self.store.add("private", key, {})

    def page(self, *parts: str) -> str:
        return "/".join([self.pages, *parts, ""])

    # -- events -------------------------------------------------------------------------------

    def emit(self, kind: str, subject: Json, *, previous: Json | None = None) -> Json:
        """An event with a picture of `subject` as it is, queued for every endpoint that wants it. Returns `subject`."""
        data: Json = {"object": copy.deepcopy(subject)}
        if previous is not None:
            data["previous_attributes"] = copy.deepcopy(previous)
        wanted = [
            endpoint
            for endpoint in self.store.look("webhook_endpoint")
            if endpoint["status"] == "enabled" and {"*", kind} & set(endpoint["enabled_events"])
        ]
        event = self.create(
            "event",
            "evt_",
            metadata=False,
            type=kind,
            api_version=API_VERSION,
            data=data,
            pending_webhooks=len(wanted),
            request={"id": new_id("req_"), "idempotency_key": None},
        )
        for endpoint in wanted:
            self.deliver(event["id"], endpoint["id"])
        return subject

    def deliver(self, event: str, endpoint: str) -> None:
        key = new_id("dlv_")
        self.store.add(
            "delivery",
            key,
            {"id": key, "event": event, "endpoint": endpoint, "attempts": 0, "due": time.time()},
        )
        self.fresh.append(key)


def new_id(prefix: str) -> str:
    return prefix + secrets.token_hex(12)


def listed(data: list[Any], url: str, *, more: bool = False) -> Json:
    return {"object": "list", "data": data, "has_more": more, "url": url}


def pictured(value: Json) -> Json:
    """A copy that later changes do not reach."""
    copied: Json = json.loads(json.dumps(value))
    return copied
