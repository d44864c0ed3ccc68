"""What falls due as the clock goes on: renewals, retries, expiries. Everything happens at its own moment, in order."""

from collections.abc import Callable, Iterator

from portal.standin.billing.changes import expire_pending
from portal.standin.billing.invoicing import subscription_of
from portal.standin.billing.lifecycle import cancel_now, charge_again, expire_incomplete, renew
from portal.standin.billing.schedules import EXPIRY_WARNING, complete, warn
from portal.standin.billing.subscriptions import DAY, INCOMPLETE_HOURS
from portal.standin.errors import Json
from portal.standin.resources.balance import settle
from portal.standin.resources.checkout import expire
from portal.standin.world import World

Due = tuple[int, Callable[[], object]]
TRIAL_WARNING = 3 * DAY
COLLECTED = {"active", "trialing", "past_due"}
RUNNING = COLLECTED | {"unpaid"}


def next_due(world: World, until: int) -> Due | None:
    """The earliest that is due by `until`."""
    return min((due for due in _all(world) if due[0] <= until), key=lambda due: due[0], default=None)


def _all(world: World) -> Iterator[Due]:
    for shown in world.store.look("subscription"):
        yield from _of_subscription(world, shown)
    for schedule in world.store.look("subscription_schedule"):
        if schedule["status"] == "active":
            yield from _of_schedule(world, schedule)
    for invoice in world.store.look("invoice"):
        if invoice["status"] == "open" and invoice["next_payment_attempt"]:
            yield invoice["next_payment_attempt"], lambda key=invoice["id"]: _retry(world, key)  # type: ignore[misc]
    for session in world.store.look("checkout.session"):
        if session["status"] == "open":
            key = session["id"]
            yield session["expires_at"], lambda key=key: expire(world, world.get("checkout.session", key))  # type: ignore[misc]
    pending = [one["available_on"] for one in world.store.look("balance_transaction") if one["status"] == "pending"]
    if pending:
        yield min(pending), lambda: settle(world)


def _of_subscription(world: World, shown: Json) -> Iterator[Due]:
    def on(act: Callable[[World, Json], object]) -> Callable[[], object]:
        return lambda: act(world, world.get("subscription", shown["id"]))

    status = shown["status"]
    if status == "incomplete":
        yield shown["created"] + INCOMPLETE_HOURS * DAY // 24, on(expire_incomplete)
    if status not in RUNNING:
        return
    yield min(item["current_period_end"] for item in shown["items"]["data"]), on(renew)
    if shown["cancel_at"] and not shown["cancel_at_period_end"]:
        yield shown["cancel_at"], on(cancel_now)
    if shown["pending_update"]:
        yield shown["pending_update"]["expires_at"], on(expire_pending)
    paused = shown["pause_collection"]
    if paused and paused["resumes_at"]:
        yield paused["resumes_at"], on(_resume)
    if status == "trialing" and not (world.store.get("private", shown["id"]) or {}).get("trial_told"):
        yield shown["trial_end"] - TRIAL_WARNING, on(_tell_trial)


def _of_schedule(world: World, shown: Json) -> Iterator[Due]:
    end, key = shown["phases"][-1]["end_date"], shown["id"]
    yield end, lambda: complete(world, world.get("subscription_schedule", key))
    if not (world.store.get("private", key) or {}).get("warned"):
        soon = max(end - EXPIRY_WARNING, shown["created"])
        yield soon, lambda: warn(world, world.get("subscription_schedule", key))


def _retry(world: World, key: str) -> None:
    invoice = world.get("invoice", key)
    subscription = subscription_of(world, invoice)
    invoice["next_payment_attempt"] = None
    if subscription is not None and subscription["status"] in COLLECTED:
        charge_again(world, subscription, invoice)


def _resume(world: World, subscription: Json) -> None:
    subscription["pause_collection"] = None
    world.emit("customer.subscription.updated", subscription)


def _tell_trial(world: World, subscription: Json) -> None:
    world.private(subscription["id"])["trial_told"] = True
    world.emit("customer.subscription.trial_will_end", subscription)


def run_until(world: World, until: int) -> int:
    """Do everything that is due by `until`, each in its own transaction and at its own time. Returns how much."""
    done = 0
    while True:
        with world.store.transaction():
            due = next_due(world, until)
            if due is None:
                return done
            world.frozen = due[0]
            try:
                due[1]()
            finally:
                world.frozen = None
        done += 1
