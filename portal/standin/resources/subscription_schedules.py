"""Routes of subscription schedules."""

from portal.standin.billing.lifecycle import cancel_now
from portal.standin.billing.schedules import new_schedule, release, update
from portal.standin.errors import Json, invalid, not_simulated
from portal.standin.params import truth
from portal.standin.routes import readable, route
from portal.standin.world import World


@route("POST", "subscription_schedules", "SubscriptionScheduleCreateParams")
def create(world: World, params: Json) -> Json:
    if not params.get("from_subscription"):
        raise not_simulated("schedules that begin a subscription", "from_subscription")
    if set(params) != {"from_subscription"}:
        raise invalid("You cannot set other parameters together with `from_subscription`.", "from_subscription")
    return new_schedule(world, world.get("subscription", params["from_subscription"], "from_subscription"))


@route("POST", "subscription_schedules/{id}", "SubscriptionScheduleModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    if params.get("default_settings"):
        raise not_simulated("other default settings of a schedule", "default_settings")
    return update(world, world.get("subscription_schedule", id), params)


@route("POST", "subscription_schedules/{id}/release", "SubscriptionScheduleReleaseParams")
def release_route(world: World, params: Json, id: str) -> Json:
    return release(world, world.get("subscription_schedule", id))


@route("POST", "subscription_schedules/{id}/cancel", "SubscriptionScheduleCancelParams")
def cancel(world: World, params: Json, id: str) -> Json:
    """Ends the subscription with it."""
    schedule = world.get("subscription_schedule", id)
    if schedule["status"] != "active":
        raise invalid(f"You cannot cancel a subscription schedule that is `{schedule['status']}`.")
    if truth(params.get("prorate")):
        raise not_simulated("a last invoice on cancellation", "prorate")
    cancel_now(world, world.get("subscription", schedule["subscription"]))
    return schedule


def _where(schedule: Json, asked: Json) -> bool:
    return "scheduled" not in asked or truth(asked.pop("scheduled")) == (schedule["status"] == "not_started")


readable("subscription_schedules", "subscription_schedule", "SubscriptionScheduleListParams", _where)
