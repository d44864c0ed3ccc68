"""Schedules: what a subscription becomes when its present phase ends, at the end of a billing period."""

from typing import Any

from portal.standin.billing.calendar import period_end
from portal.standin.billing.discounts import in_force, redeem
from portal.standin.billing.proration import cost
from portal.standin.billing.subscriptions import ENDED, new_item, set_price
from portal.standin.errors import Json, invalid, not_simulated
from portal.standin.params import integer, merged_metadata, required
from portal.standin.world import World

DAY = 86400
EXPIRY_WARNING = 7 * DAY
MOST_PHASES = 2  # the present one, and what follows
UNSET = (
    "application_fee_percent",
    "automatic_tax",
    "billing_cycle_anchor",
    "billing_thresholds",
    "collection_method",
    "default_payment_method",
    "description",
    "invoice_settings",
    "on_behalf_of",
    "transfer_data",
    "trial_end",
)
REFUSED = ("add_invoice_items", "billing_cycle_anchor", "billing_thresholds", "collection_method", "transfer_data")


def new_schedule(world: World, subscription: Json) -> Json:
    """One phase: what the subscription is now, until the end of its period."""
    if subscription["status"] in ENDED:
        raise invalid("You cannot migrate a subscription that is canceled.", "from_subscription")
    if subscription["schedule"]:
        raise invalid(
            f"You cannot migrate a subscription that is already attached to a schedule: `{subscription['schedule']}`.",
            "from_subscription",
        )
    if subscription["cancel_at"]:
        raise not_simulated("schedules of subscriptions that are to end", "from_subscription")
    phase = _present(subscription)
    schedule = world.create(
        "subscription_schedule",
        "sub_sched_",
        application=None,
        billing_mode=subscription["billing_mode"],
        canceled_at=None,
        completed_at=None,
        current_phase={name: phase[name] for name in ("start_date", "end_date")},
        customer=subscription["customer"],
        default_settings=_default_settings(subscription),
        end_behavior="release",
        phases=[phase],
        released_at=None,
        released_subscription=None,
        status="active",
        subscription=subscription["id"],
        test_clock=None,
    )
    subscription["schedule"] = schedule["id"]
    world.emit("subscription_schedule.created", schedule)
    world.emit("customer.subscription.updated", subscription, previous={"schedule": None})
    return schedule


def _default_settings(subscription: Json) -> Json:
    return {
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": "automatic",
        "billing_thresholds": None,
        "collection_method": subscription["collection_method"],
        "default_payment_method": subscription["default_payment_method"],
        "description": subscription["description"],
        "invoice_settings": {"account_tax_ids": None, "days_until_due": None, "issuer": {"type": "self"}},
        "on_behalf_of": None,
        "transfer_data": None,
    }


def _present(subscription: Json) -> Json:
    first = subscription["items"]["data"][0]
    return _phase(
        currency=subscription["currency"],
        items=[
            _item(item["price"]["id"], item["quantity"], item["tax_rates"]) for item in subscription["items"]["data"]
        ],
        start_date=first["current_period_start"],
        end_date=first["current_period_end"],
        discounts=[_discount({"discount": one}) for one in subscription["discounts"]],
        default_tax_rates=subscription["default_tax_rates"],
        trial_end=subscription["trial_end"] if subscription["status"] == "trialing" else None,
    )


def _phase(**fields: Any) -> Json:
    phase: Json = dict.fromkeys(UNSET)
    return phase | {"add_invoice_items": [], "metadata": {}, "proration_behavior": "create_prorations"} | fields


def _item(price: str, quantity: int, tax_rates: list[Json]) -> Json:
    shown: Json = {"billing_thresholds": None, "discounts": [], "metadata": {}, "plan": price, "price": price}
    return shown | {"quantity": quantity, "tax_rates": tax_rates}


def _discount(given: Json) -> Json:
    return {name: given.get(name) or None for name in ("coupon", "discount", "promotion_code")}


def update(world: World, schedule: Json, params: Json) -> Json:
    _check_active(schedule, "update")
    before: Json = {name: schedule[name] for name in ("end_behavior", "metadata", "phases") if name in params}
    if "metadata" in params:
        schedule["metadata"] = merged_metadata(schedule["metadata"], params["metadata"])
    if "end_behavior" in params:
        if params["end_behavior"] not in ("release", "cancel"):
            raise invalid("Invalid end_behavior: must be one of cancel or release", "end_behavior")
        schedule["end_behavior"] = params["end_behavior"]
    if "phases" in params:
        _set_phases(world, schedule, params["phases"] or [])
    return world.emit("subscription_schedule.updated", schedule, previous=before)


def _set_phases(world: World, schedule: Json, given: list[Json]) -> None:
    """The first is the present one, and stays as it is; a second one takes its place at the end of the period."""
    subscription = world.get("subscription", schedule["subscription"])
    present = _present(subscription)
    if not 1 <= len(given) <= MOST_PHASES:
        raise not_simulated("schedules with more than one change ahead", "phases")
    first = given[0]
    start = integer(first, "start_date", present["start_date"])
    if start not in (present["start_date"], schedule["current_phase"]["start_date"]):
        raise invalid("You can not modify the start date of the current phase.", "phases[0][start_date]")
    if integer(first, "end_date") != present["end_date"]:
        raise not_simulated("phases that end within a billing period", "phases[0][end_date]")
    phases = [_given_phase(world, subscription, first, start, present["end_date"])]
    plain = [(item["price"], item["quantity"]) for item in phases[0]["items"]]
    if plain != [(item["price"], item["quantity"]) for item in present["items"]]:
        raise not_simulated("changes of the present phase", "phases[0][items]")
    for later in given[1:]:
        start = phases[-1]["end_date"]
        if "start_date" in later and integer(later, "start_date") != start:
            raise invalid("Phases must be continuous.", "phases[1][start_date]")
        duration = required(later, "duration")
        every = {"interval": required(duration, "interval"), "interval_count": integer(duration, "interval_count", 1)}
        phases.append(_given_phase(world, subscription, later, start, period_end(start, every, start)))
    schedule["phases"] = phases
    schedule["current_phase"] = {name: phases[0][name] for name in ("start_date", "end_date")}


def _given_phase(world: World, subscription: Json, given: Json, start: int, end: int) -> Json:
    for name in REFUSED:
        if given.get(name):
            raise not_simulated(f"`{name}` of a phase", f"phases[{name}]")
    behavior = given.get("proration_behavior") or "create_prorations"
    items = []
    for entry in required(given, "items"):
        item = new_item(world, subscription, entry)
        items.append(_item(item["price"]["id"], item["quantity"], item["tax_rates"]))
    if len(items) != len(subscription["items"]["data"]):
        raise not_simulated("phases with another number of items", "phases[items]")
    return _phase(
        currency=subscription["currency"],
        items=items,
        start_date=start,
        end_date=end,
        discounts=[_discount(one) for one in given.get("discounts") or []],
        default_tax_rates=[world.get("tax_rate", one) for one in given.get("default_tax_rates") or []],
        metadata=dict(given.get("metadata") or {}),
        proration_behavior=behavior,
        trial_end=integer(given, "trial_end") if given.get("trial_end") else None,
    )


def next_phase(world: World, subscription: Json) -> bool:
    """The present period is over: enter the phase that follows. False when the subscription is to end instead.

    Between two periods nothing is prorated; another interval moves the anchor.
    """
    if not subscription["schedule"]:
        return True
    schedule = world.get("subscription_schedule", subscription["schedule"])
    now = world.now()
    later = [phase for phase in schedule["phases"] if phase["start_date"] > schedule["current_phase"]["start_date"]]
    if schedule["current_phase"]["end_date"] > now:
        return True
    if not later:
        return bool(schedule["end_behavior"] == "release")
    phase = later[0]
    for item, wanted in zip(subscription["items"]["data"], phase["items"], strict=True):
        price = world.get("price", wanted["price"])
        if price["recurring"] != item["price"]["recurring"]:
            subscription["billing_cycle_anchor"] = now
        set_price(item, price)
        item |= {"quantity": wanted["quantity"], "tax_rates": wanted["tax_rates"]}
    _take_terms(world, subscription, phase)
    schedule["current_phase"] = {name: phase[name] for name in ("start_date", "end_date")}
    world.emit("subscription_schedule.updated", schedule)
    return True


def _take_terms(world: World, subscription: Json, phase: Json) -> None:
    given = [{name: value for name, value in one.items() if value} for one in phase["discounts"]]
    subscription["default_tax_rates"] = phase["default_tax_rates"]
    subscription["metadata"] = merged_metadata(subscription["metadata"], phase["metadata"])
    discounts = redeem(
        world,
        given,
        customer=subscription["customer"],
        amount=sum(cost(item) for item in subscription["items"]["data"]),
        currency=subscription["currency"],
        subscription=subscription["id"],
    )
    subscription["discounts"] = in_force(world, discounts)


def release(world: World, schedule: Json) -> Json:
    """The subscription goes on as it is."""
    _check_active(schedule, "release")
    subscription = _detach(world, schedule)
    schedule |= {"status": "released", "released_at": world.now(), "released_subscription": subscription["id"]}
    world.emit("subscription_schedule.released", schedule)
    world.emit("customer.subscription.updated", subscription, previous={"schedule": schedule["id"]})
    return schedule


def complete(world: World, schedule: Json) -> None:
    """Its last phase is over; the subscription goes on by itself."""
    subscription = _detach(world, schedule)
    schedule |= {"status": "completed", "completed_at": world.now()}
    world.emit("subscription_schedule.completed", schedule)
    world.emit("customer.subscription.updated", subscription, previous={"schedule": schedule["id"]})


def end_with(world: World, subscription: Json, *, delinquent: bool) -> None:
    """The subscription was cancelled."""
    if subscription["schedule"]:
        schedule = world.get("subscription_schedule", subscription["schedule"])
        _detach(world, schedule)
        schedule |= {"status": "canceled", "canceled_at": world.now()}
        world.emit(f"subscription_schedule.{'aborted' if delinquent else 'canceled'}", schedule)


def warn(world: World, schedule: Json) -> None:
    world.private(schedule["id"])["warned"] = True
    world.emit("subscription_schedule.expiring", schedule)


def _detach(world: World, schedule: Json) -> Json:
    subscription = world.get("subscription", schedule["subscription"])
    subscription["schedule"] = None
    schedule |= {"subscription": None, "current_phase": None}
    return subscription


def _check_active(schedule: Json, verb: str) -> None:
    if schedule["status"] != "active":
        raise invalid(f"You cannot {verb} a subscription schedule that is in the `{schedule['status']}` status.")
