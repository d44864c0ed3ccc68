"""Routes of subscriptions and their items."""

from portal.standin.billing.changes import change
from portal.standin.billing.lifecycle import cancel_now
from portal.standin.billing.subscriptions import new_subscription
from portal.standin.errors import Json, invalid, missing_object, not_simulated
from portal.standin.listing import page_of
from portal.standin.params import required
from portal.standin.routes import readable, route
from portal.standin.world import World

NOT_SIMULATED = (
    "add_invoice_items",
    "application_fee_percent",
    "billing_cycle_anchor_config",
    "billing_schedules",
    "billing_thresholds",
    "on_behalf_of",
    "pending_invoice_item_interval",
    "transfer_data",
    "trial_from_plan",
)
AT_THE_BEGINNING = ("backdate_start_date", "billing_cycle_anchor")


def _refuse(params: Json, *more: str) -> None:
    for name in (*NOT_SIMULATED, *more):
        if params.get(name):
            raise not_simulated(f"`{name}` of subscriptions", name)
    if (params.get("automatic_tax") or {}).get("enabled") == "true":
        raise not_simulated("automatic taxes", "automatic_tax")


@route("POST", "subscriptions", "SubscriptionCreateParams")
def create(world: World, params: Json) -> Json:
    _refuse(params, *AT_THE_BEGINNING)
    return new_subscription(world, params)


@route("POST", "subscriptions/{id}", "SubscriptionModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    _refuse(params)
    return change(world, world.get("subscription", id), params)


@route("DELETE", "subscriptions/{id}", "SubscriptionCancelParams")
def cancel(world: World, params: Json, id: str) -> Json:
    if params.get("invoice_now") == "true" or params.get("prorate") == "true":
        raise not_simulated("a last invoice on cancellation", "invoice_now")
    return cancel_now(world, world.get("subscription", id), details=params.get("cancellation_details"))


def _where(subscription: Json, asked: Json) -> bool:
    status, price = asked.pop("status", None), asked.pop("price", None)
    if price is not None and all(item["price"]["id"] != price for item in subscription["items"]["data"]):
        return False
    if status is None:
        return bool(subscription["status"] != "canceled")
    if status == "ended":
        return bool(subscription["status"] in ("canceled", "incomplete_expired"))
    return bool(status in ("all", subscription["status"]))


readable("subscriptions", "subscription", "SubscriptionListParams", _where)


def _holder(world: World, item: str) -> Json:
    for shown in world.store.look("subscription"):
        if any(one["id"] == item for one in shown["items"]["data"]):
            return world.get("subscription", shown["id"])
    raise missing_object("subscription_item", item)


def _item(subscription: Json, key: str) -> Json:
    return next(one for one in subscription["items"]["data"] if one["id"] == key)


ITEM_ONLY = {"price", "price_data", "quantity", "metadata", "tax_rates", "discounts"}


def _split(params: Json) -> tuple[Json, Json]:
    item = {name: value for name, value in params.items() if name in ITEM_ONLY}
    return item, {name: value for name, value in params.items() if name not in ITEM_ONLY | {"subscription"}}


@route("POST", "subscription_items", "SubscriptionItemCreateParams")
def create_item(world: World, params: Json) -> Json:
    subscription = world.get("subscription", required(params, "subscription"), "subscription")
    item, rest = _split(params)
    change(world, subscription, rest | {"items": [item]})
    return dict(subscription["items"]["data"][-1])


@route("POST", "subscription_items/{id}", "SubscriptionItemModifyParams")
def modify_item(world: World, params: Json, id: str) -> Json:
    subscription = _holder(world, id)
    item, rest = _split(params)
    change(world, subscription, rest | {"items": [item | {"id": id}]})
    return _item(subscription, id)


@route("DELETE", "subscription_items/{id}", "SubscriptionItemDeleteParams")
def delete_item(world: World, params: Json, id: str) -> Json:
    change(world, _holder(world, id), params | {"items": [{"id": id, "deleted": "true"}]})
    return {"id": id, "object": "subscription_item", "deleted": True}


@route("GET", "subscription_items/{id}")
def retrieve_item(world: World, params: Json, id: str) -> Json:
    return _item(_holder(world, id), id)


@route("GET", "subscription_items", "SubscriptionItemListParams")
def list_items(world: World, params: Json) -> Json:
    subscription = world.get("subscription", required(params, "subscription"), "subscription")
    return page_of(subscription["items"]["data"], {"limit": params.get("limit", "100")}, "/v1/subscription_items")


@route("POST", "subscriptions/{id}/resume", "SubscriptionResumeParams")
def resume(world: World, params: Json, id: str) -> Json:
    subscription = world.get("subscription", id)
    if subscription["status"] != "paused":
        raise invalid("Only paused subscriptions can be resumed.")
    subscription["status"] = "active"
    change(world, subscription, {"billing_cycle_anchor": "now", "trial_end": "now"})
    return world.emit("customer.subscription.resumed", subscription)
