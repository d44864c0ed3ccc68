"""Changes to a running subscription: items, trial, anchor, end; prorated, and undone when they cannot be paid."""

import copy
from dataclasses import dataclass

from portal.standin.billing.invoicing import close, collect
from portal.standin.billing.items import new_item as new_pending
from portal.standin.billing.lines import Draft
from portal.standin.billing.proration import Change, prorated
from portal.standin.billing.subscriptions import (
    DAY,
    ENDED,
    INCOMPLETE_HOURS,
    bill,
    new_item,
    set_discounts,
    set_price,
    start_period,
)
from portal.standin.errors import ApiError, Json, invalid, not_simulated
from portal.standin.params import integer, merged_metadata, moment, truth
from portal.standin.resources.payment_methods import own_method
from portal.standin.world import World, pictured

MAY_BE_PENDING = {
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "billing_cycle_anchor",
    "items",
    "trial_end",
}
PENDING_FIELDS = ("billing_cycle_anchor", "discounts", "items", "status", "trial_end", "trial_start")


def change(world: World, subscription: Json, params: Json) -> Json:
    """Apply what `params` say. Raises CardError when it has to be paid at once and cannot be."""
    if subscription["status"] in ENDED:
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    if subscription["pending_update"] and params.get("items"):
        raise invalid("This subscription has a pending update; wait for it or let it expire.", "items")
    if params.get("payment_behavior") == "pending_if_incomplete" and (others := set(params) - MAY_BE_PENDING):
        raise invalid(f"When `payment_behavior` is `pending_if_incomplete`, `{min(others)}` is not supported.")
    if subscription["schedule"]:
        _check_scheduled(subscription, params)
    start = world.store.snapshot()
    shown = {name: copy.deepcopy(subscription[name]) for name in params if name in subscription}
    before = {name: copy.deepcopy(subscription[name]) for name in PENDING_FIELDS}
    _plain(world, subscription, params)
    _cancellation(world, subscription, params)
    drafts = _reckon(world, subscription, params)
    if drafts.now:
        try:
            _bill_now(world, subscription, params, drafts.lines, before)
        except ApiError:
            world.store.back_to(start)
            raise
    elif drafts.lines:
        for draft in drafts.lines:
            new_pending(world, subscription["customer"], subscription["currency"], draft)
    return world.emit("customer.subscription.updated", subscription, previous=shown)


def _check_scheduled(subscription: Json, params: Json) -> None:
    if {"cancel_at", "cancel_at_period_end"} & set(params):
        raise invalid(
            f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and updating any"
            " cancelation behavior directly is not allowed. Please update the schedule instead."
        )
    if {"items", "trial_end", "billing_cycle_anchor", "discounts", "default_tax_rates"} & set(params):
        raise not_simulated("such changes of a subscription that a schedule manages")


def _plain(world: World, subscription: Json, params: Json) -> None:
    if "metadata" in params:
        subscription["metadata"] = merged_metadata(subscription["metadata"], params["metadata"])
    if "description" in params:
        subscription["description"] = params["description"] or None
    if "default_payment_method" in params:
        method = params["default_payment_method"] or None
        if method:
            method = own_method(world, method, subscription["customer"], "default_payment_method")["id"]
        subscription["default_payment_method"] = method
    if "default_tax_rates" in params:
        rates = params["default_tax_rates"] or []
        subscription["default_tax_rates"] = [world.get("tax_rate", one) for one in rates]
    if "pause_collection" in params:
        given = params["pause_collection"] or None
        resumes = moment(given, "resumes_at", world.now()) if given else None
        subscription["pause_collection"] = {"behavior": given["behavior"], "resumes_at": resumes} if given else None
    if "discounts" in params:
        set_discounts(world, subscription, params["discounts"] or [])
    if "payment_settings" in params:
        subscription["payment_settings"] |= params["payment_settings"]
    if "collection_method" in params:
        subscription["collection_method"] = params["collection_method"]
        subscription["days_until_due"] = integer(params, "days_until_due", 30)


def _cancellation(world: World, subscription: Json, params: Json) -> None:
    now = world.now()
    if "cancel_at" in params:
        subscription["cancel_at"] = moment(params, "cancel_at", now)
        subscription["canceled_at"] = now if subscription["cancel_at"] else None
    if "cancel_at_period_end" in params:
        wanted = truth(params["cancel_at_period_end"])
        end = min(item["current_period_end"] for item in subscription["items"]["data"])
        subscription |= {
            "cancel_at_period_end": wanted,
            "cancel_at": end if wanted else None,
            "canceled_at": now if wanted else None,
        }
        subscription["cancellation_details"]["reason"] = "cancellation_requested" if wanted else None
    for name, value in (params.get("cancellation_details") or {}).items():
        subscription["cancellation_details"][name] = value or None


@dataclass
class Reckoned:
    lines: list[Draft]
    now: bool  # or on the next invoice


def _reckon(world: World, subscription: Json, params: Json) -> Reckoned:
    """Change the items, and say what that costs."""
    now = world.now()
    behavior = params.get("proration_behavior") or "create_prorations"
    if behavior not in ("always_invoice", "create_prorations", "none"):
        raise invalid("Invalid proration_behavior: must be one of always_invoice, create_prorations, or none")
    changes = _change_items(world, subscription, params.get("items") or [])
    trial = subscription["status"] == "trialing"
    if "trial_end" in params:
        trial = _move_trial(world, subscription, moment(params, "trial_end", now), now)
    ended_trial = "trial_end" in params and not trial
    new_interval = any(
        one.before and one.after and one.before["price"]["recurring"] != one.after["price"]["recurring"]
        for one in changes
    )
    full = not trial and (new_interval or ended_trial or params.get("billing_cycle_anchor") == "now")
    at = moment(params, "proration_date", now) or now
    if full:
        subscription["billing_cycle_anchor"] = now
        for item in subscription["items"]["data"]:
            start_period(subscription, item, now)
    if trial:
        return Reckoned([], False)
    lines = prorated(world, subscription, changes, at, full=full)
    if behavior == "none" or ended_trial:
        lines = [draft for draft in lines if not draft.proration]
    return Reckoned(lines, bool(lines) and (full or behavior == "always_invoice"))


def _change_items(world: World, subscription: Json, given: list[Json]) -> list[Change]:
    """All items, before and after."""
    items = subscription["items"]["data"]
    before = {item["id"]: pictured(item) for item in items}
    for entry in given:
        known = next((item for item in items if item["id"] == entry.get("id")), None)
        if entry.get("id") and known is None:
            raise invalid(f"No such subscription item: '{entry['id']}'", "items[id]", "resource_missing")
        if known is None:
            items.append(_added(world, subscription, entry))
        elif truth(entry.get("deleted")):
            items.remove(known)
        else:
            if entry.get("price"):
                set_price(known, new_item(world, subscription, {"price": entry["price"]})["price"])
            known["quantity"] = integer(entry, "quantity", known["quantity"])
            known["metadata"] = merged_metadata(known["metadata"], entry.get("metadata"))
    if not items:
        raise invalid("A subscription must have at least one item.", "items")
    after = {item["id"]: item for item in items}
    return [Change(before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after])]


def _added(world: World, subscription: Json, entry: Json) -> Json:
    item = new_item(world, subscription, entry)
    first = subscription["items"]["data"][0]
    if item["price"]["recurring"]["interval"] != first["price"]["recurring"]["interval"]:
        raise invalid("All prices of a subscription must have the same interval here.", "items[price]")
    item |= {name: first[name] for name in ("current_period_start", "current_period_end")}
    return item


def _move_trial(world: World, subscription: Json, end: int | None, now: int) -> bool:
    """Whether the subscription is in its trial afterwards."""
    if end is None or end <= now:
        subscription |= {"trial_end": now, "status": "active"}
        return False
    subscription |= {
        "trial_start": subscription["trial_start"] or now,
        "trial_end": end,
        "status": "trialing",
        "billing_cycle_anchor": end,
    }
    for item in subscription["items"]["data"]:
        start_period(subscription, item, now)
    return True


def _bill_now(world: World, subscription: Json, params: Json, lines: list[Draft], before: Json) -> None:
    """Raises CardError for error_if_incomplete."""
    behavior = params.get("payment_behavior") or "allow_incomplete"
    invoice = bill(world, subscription, "subscription_update", lines)
    if invoice["status"] != "open" or subscription["collection_method"] != "charge_automatically":
        return
    try:
        collect(world, invoice)
    except ApiError:
        if behavior == "error_if_incomplete":
            raise
        if behavior == "pending_if_incomplete":
            _keep_for_later(world, subscription, before, invoice)
        else:
            subscription["status"] = "past_due"


def _keep_for_later(world: World, subscription: Json, before: Json, invoice: Json) -> None:
    """Back to how it was, until the invoice is paid."""
    wanted = {name: copy.deepcopy(subscription[name]) for name in PENDING_FIELDS}
    world.private(subscription["id"])["pending_update"] = {"invoice": invoice["id"], "wanted": wanted}
    subscription |= before
    subscription["pending_update"] = {
        "billing_cycle_anchor": wanted["billing_cycle_anchor"],
        "expires_at": world.now() + INCOMPLETE_HOURS * DAY // 24,
        "subscription_items": wanted["items"]["data"],
        "trial_end": None,
        "trial_from_plan": None,
    }


def apply_pending(world: World, subscription: Json) -> None:
    kept = world.private(subscription["id"]).pop("pending_update")
    subscription |= kept["wanted"] | {"pending_update": None}
    world.emit("customer.subscription.pending_update_applied", subscription)


def expire_pending(world: World, subscription: Json) -> None:
    close(world, world.get("invoice", world.private(subscription["id"])["pending_update"]["invoice"]), "void")


def drop_pending(world: World, subscription: Json) -> None:
    """Its invoice was voided."""
    world.private(subscription["id"]).pop("pending_update")
    subscription["pending_update"] = None
    world.emit("customer.subscription.pending_update_expired", subscription)
