"""The private control: the clock, deliveries, disputes, faults and the books. For tests and for trying things out."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portal.standin.billing.due import run_until
from portal.standin.delivery import Courier, Mood, send
from portal.standin.errors import ApiError, Json, invalid
from portal.standin.resources.balance import totals
from portal.standin.resources.disputes import decide, open_dispute
from portal.standin.resources.refunds import fail_refund
from portal.standin.world import World, new_id

if TYPE_CHECKING:
    from portal.standin.app import Reply


@dataclass
class Fault:
    """A request goes wrong: the server errs, or hangs for some `seconds`; `afterwards`: having done what was asked."""

    pattern: re.Pattern[str]
    method: str
    times: int
    status: int = 500
    seconds: float = 0.0
    afterwards: bool = False
    error: Json | None = None

    def reply(self) -> "Reply":
        from portal.standin.app import Reply

        time.sleep(self.seconds)
        return Reply(
            self.status, {"error": self.error or {"type": "api_error", "message": "An unknown error occurred"}}
        )


class Control:
    def __init__(self, world: World, courier: Courier) -> None:
        self.world = world
        self.courier = courier
        self.faults: list[Fault] = []
        self._calls: dict[tuple[str, str], Callable[[Json], Json]] = {
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._advance,
            ("POST", "clock/stop"): self._stop,
            ("GET", "deliveries"): self._deliveries,
            ("POST", "deliveries"): self._set_mood,
            ("POST", "deliveries/again"): self._again,
            ("POST", "deliveries/drop"): self._drop,
            ("POST", "deliveries/forge"): self._forge,
            ("POST", "disputes"): self._dispute,
            ("POST", "disputes/decide"): self._decide,
            ("POST", "refunds/fail"): self._fail_refund,
            ("POST", "dunning"): self._dunning,
            ("POST", "faults"): self._fault,
            ("GET", "books"): self._books,
        }

    def call(self, method: str, path: str, params: Json) -> Json:
        known = self._calls.get((method, path))
        if known is None:
            raise ApiError("Not found", status=404)
        return known(params)

    def fault(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets; it is used up by that."""
        for fault in self.faults:
            if fault.times > 0 and fault.method in ("", method) and fault.pattern.search(path):
                fault.times -= 1
                return fault
        return None

    # -- the clock -------------------------------------------------------------------------------

    def _clock(self, params: Json) -> Json:
        with self.world.store.transaction():
            return {"now": self.world.now(), "ahead": self.world.setting("clock").get("ahead", 0)}

    def _advance(self, params: Json) -> Json:
        """`{"seconds": 3600}` or `{"days": 31}`; what falls due on the way happens in order.

        `{"ahead": -86400}` sets how far it is ahead of this machine's clock, so also back: a story of the past is told
        from there. What was done stays done, and keeps its dates.
        """
        with self.world.store.transaction():
            ahead = int(self.world.setting("clock").get("ahead", 0))
        if "ahead" in params:
            return self._move(int(params["ahead"]) - ahead)
        seconds = int(params.get("seconds", 0)) + 86400 * int(params.get("days", 0))
        if seconds < 0:
            raise invalid("The clock only goes forward.")
        return self._move(seconds)

    def _move(self, seconds: int) -> Json:
        with self.world.store.transaction():
            target = self.world.now() + seconds
        done = run_until(self.world, target)
        with self.world.store.transaction():
            clock = self.world.setting("clock")
            moved = "ahead" if clock.get("stopped") is None else "stopped"
            clock[moved] = clock.get(moved, 0) + seconds
        self.settle()
        return self._clock({}) | {"done": done}

    def _stop(self, params: Json) -> Json:
        """From now on the clock stands at the second `at`, and only advancing moves it. What should have happened
        by then has not.
        """
        with self.world.store.transaction():
            self.world.setting("clock")["stopped"] = int(params["at"])
        return self._clock({})

    def settle(self) -> None:
        """What happened without a request may be delivered."""
        with self.world.store.transaction():
            self.world.fresh.clear()
        self.courier.stir()

    # -- deliveries -------------------------------------------------------------------------------

    def _deliveries(self, params: Json) -> Json:
        with self.world.store.transaction():
            waiting = [
                {"event": one["event"], "attempts": one["attempts"]} for one in self.world.store.look("delivery")
            ]
        return {"waiting": waiting, "done": list(self.courier.log), "idle": self.courier.idle()}

    def _set_mood(self, params: Json) -> Json:
        """`held`, `shuffle`, `copies` (of each), `delay` ([from, to] in seconds); what is not given is as usual."""
        low, high = params.get("delay") or (0, 0)
        self.courier.mood = Mood(
            bool(params.get("held")),
            bool(params.get("shuffle")),
            int(params.get("copies", 1)),
            (float(low), float(high)),
        )
        if params.get("hurry"):
            with self.world.store.transaction():
                for delivery in self.world.store.all("delivery"):
                    delivery["due"] = 0
        self.courier.stir()
        return self._deliveries({})

    def _again(self, params: Json) -> Json:
        """Send an event once more, to every endpoint."""
        with self.world.store.transaction():
            event = self.world.get("event", params["event"])
            for endpoint in self.world.store.look("webhook_endpoint"):
                self.world.deliver(event["id"], endpoint["id"])
                event["pending_webhooks"] += 1
        self.settle()
        return {}

    def _drop(self, params: Json) -> Json:
        """What waits to be delivered never is."""
        with self.world.store.transaction():
            for delivery in self.world.store.all("delivery"):
                self.world.store.remove("delivery", delivery["id"])
                self.world.get("event", delivery["event"])["pending_webhooks"] = 0
        return {}

    def _forge(self, params: Json) -> Json:
        """Send what is not true to every endpoint, at once: `event`, signed with `secret` (not ours unless `signed`),
        dated `ago` seconds back, with further `headers`. Returns the statuses.
        """
        with self.world.store.transaction():
            endpoints = [dict(one) for one in self.world.store.look("webhook_endpoint")]
            secrets = {one["id"]: self.world.private(one["id"])["secret"] for one in endpoints}
        event = {"id": new_id("evt_"), "object": "event", "livemode": False, "created": int(time.time())}
        body = json.dumps(event | params["event"]).encode()
        at = int(time.time()) - int(params.get("ago", 0))
        headers: dict[str, Any] = params.get("headers") or {}
        told = []
        for endpoint in endpoints:
            secret = secrets[endpoint["id"]] if params.get("signed") else params.get("secret", "whsec_forged")
            told.append(send(endpoint["url"], secret, body, at=at, **headers))
        return {"statuses": told}

    # -- what banks do -------------------------------------------------------------------------------

    def _dispute(self, params: Json) -> Json:
        """`charge` or `payment_intent`, and perhaps `amount` and `reason`."""
        with self.world.store.transaction():
            key = (
                params.get("charge") or self.world.get("payment_intent", params.get("payment_intent"))["latest_charge"]
            )
            charge = self.world.get("charge", key)
            reason = params.get("reason", "fraudulent")
            dispute = dict(open_dispute(self.world, charge, reason=reason, amount=params.get("amount")))
        self.settle()
        return dispute

    def _decide(self, params: Json) -> Json:
        with self.world.store.transaction():
            dispute = dict(
                decide(self.world, self.world.get("dispute", params.get("dispute")), params.get("outcome", ""))
            )
        self.settle()
        return dispute

    def _fail_refund(self, params: Json) -> Json:
        with self.world.store.transaction():
            refund = dict(fail_refund(self.world, self.world.get("refund", params.get("refund"))))
        self.settle()
        return refund

    def _dunning(self, params: Json) -> Json:
        """`end`: what becomes of a subscription whose last retry fails: `cancel` (as usual), `unpaid`, `past_due`."""
        if params.get("end") not in ("cancel", "unpaid", "past_due"):
            raise invalid("end must be cancel, unpaid or past_due", "end")
        with self.world.store.transaction():
            self.world.setting("dunning")["end"] = params["end"]
        return {}

    # -- faults and books -------------------------------------------------------------------------------

    def _fault(self, params: Json) -> Json:
        """`on` (a regular expression for paths), `times`, `method`, `status`, `error`, `seconds`, `afterwards`; {}
        ends all.
        """
        if not params:
            self.faults.clear()
            return {}
        self.faults.append(
            Fault(
                re.compile(params["on"]),
                params.get("method", ""),
                int(params.get("times", 1)),
                int(params.get("status", 500)),
                float(params.get("seconds", 0)),
                bool(params.get("afterwards")),
                params.get("error"),
            )
        )
        return {}

    def _books(self, params: Json) -> Json:
        """Every movement, oldest first, and the sums by currency."""
        with self.world.store.transaction():
            return {
                "entries": [dict(one) for one in self.world.store.look("balance_transaction")],
                "totals": totals(self.world),
            }
