"""Subscriptions: begun, paid or not."""

from typing import Any

from portal.standin.billing.calendar import period_end
from portal.standin.billing.discounts import in_force, lasting, redeem
from portal.standin.billing.invoicing import (
    collect,
    fill,
    finalize,
    intent_of,
    new_invoice,
    subscription_of,
)
from portal.standin.billing.items import take_pending
from portal.standin.billing.lines import Draft
from portal.standin.billing.proration import cost, whole
from portal.standin.errors import ApiError, CardError, Json, invalid
from portal.standin.params import integer, moment, required, truth
from portal.standin.resources.payment_methods import own_method
from portal.standin.resources.products import new_price
from portal.standin.world import World, listed, pictured

DAY = 86400
INCOMPLETE_HOURS = 23
ENDED = {"canceled", "incomplete_expired"}
NOT_RECURRING = (
    "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."
)


def new_subscription(world: World, params: Json, *, authenticated: bool = False, on_session: bool = False) -> Json:
    """Begin a subscription and charge its first period, as `payment_behavior` says. May raise CardError."""
    behavior = params.get("payment_behavior") or "allow_incomplete"
    customer = world.get("customer", required(params, "customer"), "customer")
    before = world.store.snapshot()
    subscription = blank_subscription(world, customer, params)
    items = [new_item(world, subscription, entry) for entry in required(params, "items")]
    subscription["items"] = listed(items, f"/v1/subscription_items?subscription={subscription['id']}")
    subscription["currency"] = items[0]["price"]["currency"]
    set_discounts(world, subscription, params.get("discounts"))
    _start_trial(world, subscription, params)
    for item in items:
        start_period(subscription, item, subscription["start_date"])
    trial = subscription["status"] == "trialing"
    invoice = bill(
        world, subscription, "subscription_create", [whole(world, subscription, i, free=trial) for i in items]
    )
    world.emit("customer.subscription.created", subscription)
    if invoice["status"] == "open" and subscription["collection_method"] == "charge_automatically":
        if behavior == "default_incomplete":
            intent_of(world, invoice)
            return subscription
        try:
            collect(world, invoice, on_session=on_session, authenticated=authenticated)
        except ApiError as error:
            if behavior == "error_if_incomplete" or not isinstance(error, CardError):
                world.store.back_to(before)
                raise
    elif invoice["status"] == "open":
        set_status(world, subscription, "active")
    return subscription


def blank_subscription(world: World, customer: Json, params: Json) -> Json:
    now = world.now()
    method = params.get("default_payment_method") or None
    if method:
        method = own_method(world, method, customer["id"], "default_payment_method")["id"]
    sending = params.get("collection_method") == "send_invoice"
    settings = params.get("payment_settings") or {}
    return world.create(
        "subscription",
        "sub_",
        metadata=params.get("metadata"),
        application=None,
        application_fee_percent=None,
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None},
        billing_cycle_anchor=now,
        billing_cycle_anchor_config=None,
        billing_mode={"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        billing_schedules=[],
        billing_thresholds=None,
        cancel_at=moment(params, "cancel_at", now),
        cancel_at_period_end=truth(params.get("cancel_at_period_end")),
        canceled_at=None,
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        collection_method="send_invoice" if sending else "charge_automatically",
        currency="usd",
        customer=customer["id"],
        days_until_due=integer(params, "days_until_due") if sending else None,
        default_payment_method=method,
        default_source=None,
        default_tax_rates=[world.get("tax_rate", one) for one in params.get("default_tax_rates") or []],
        description=params.get("description") or None,
        discounts=[],
        ended_at=None,
        invoice_settings={"account_tax_ids": None, "issuer": {"type": "self"}},
        items=listed([], ""),
        latest_invoice=None,
        next_pending_invoice_item_invoice=None,
        on_behalf_of=None,
        pause_collection=None,
        payment_settings={
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": settings.get("save_default_payment_method") or "off",
        },
        pending_invoice_item_interval=None,
        pending_setup_intent=None,
        pending_update=None,
        schedule=None,
        start_date=now,
        status="incomplete",
        test_clock=None,
        transfer_data=None,
        trial_end=None,
        trial_settings={"end_behavior": {"missing_payment_method": _trial_end_behavior(params)}},
        trial_start=None,
    )


def _trial_end_behavior(params: Json) -> str:
    behavior = ((params.get("trial_settings") or {}).get("end_behavior") or {}).get("missing_payment_method")
    return behavior or "create_invoice"


def new_item(world: World, subscription: Json, given: Json) -> Json:
    price = world.get("price", given["price"], "items[price]") if given.get("price") else None
    if price is None:
        price = new_price(world, required(given, "price_data"))
    if not price["recurring"]:
        raise invalid(NOT_RECURRING, "items[price]")
    if not price["active"]:
        raise invalid(f"The price specified is inactive: {price['id']}", "items[price]")
    item = world.make(
        "subscription_item",
        "si_",
        livemode=False,
        metadata=given.get("metadata"),
        billing_thresholds=None,
        current_period_start=world.now(),
        current_period_end=world.now(),
        discounts=[],
        quantity=integer(given, "quantity", 1),
        subscription=subscription["id"],
        tax_rates=[world.get("tax_rate", one) for one in given.get("tax_rates") or []],
    )
    return set_price(item, price)


def set_price(item: Json, price: Json) -> Json:
    recurring = price["recurring"]
    plan = {name: price[name] for name in ("id", "active", "billing_scheme", "created", "currency", "livemode")}
    plan |= {name: price[name] for name in ("metadata", "nickname", "product", "tiers_mode")}
    item["price"] = pictured(price)
    item["plan"] = plan | {
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "meter": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }
    return item


def start_period(subscription: Json, item: Json, start: int) -> None:
    """Give the item the period that begins at `start`; a trial is one period."""
    end = subscription["trial_end"] if subscription["status"] == "trialing" else None
    item["current_period_start"] = start
    item["current_period_end"] = end or period_end(
        subscription["billing_cycle_anchor"], item["price"]["recurring"], start
    )


def _start_trial(world: World, subscription: Json, params: Json) -> None:
    now = world.now()
    days = integer(params, "trial_period_days", 0)
    end = now + days * DAY if days else moment(params, "trial_end", now)
    if end is not None and end > now:
        subscription |= {"status": "trialing", "trial_start": now, "trial_end": end, "billing_cycle_anchor": end}


def set_discounts(world: World, subscription: Json, given: Any) -> None:
    if given is None:
        return
    amount = sum(cost(item) for item in subscription["items"]["data"])
    subscription["discounts"] = redeem(
        world,
        given,
        customer=subscription["customer"],
        amount=amount,
        currency=subscription["currency"],
        subscription=subscription["id"],
    )


def bill(world: World, subscription: Json, reason: str, drafts: list[Draft], *, finalized: bool = True) -> Json:
    """An invoice for `drafts` and what was pending. Too little to charge is paid by being finalised."""
    customer = world.get("customer", subscription["customer"])
    first = subscription["items"]["data"][0]
    invoice = new_invoice(
        world,
        customer,
        subscription["currency"],
        reason=reason,
        subscription=subscription,
        period=(first["current_period_start"], first["current_period_end"]),
        days_until_due=subscription["days_until_due"],
    )
    pending = take_pending(world, customer["id"], subscription["currency"], subscription["id"], invoice["id"])
    discounts = in_force(world, subscription["discounts"])
    fill(world, invoice, pending + drafts, discounts)
    if subscription["status"] != "trialing":
        subscription["discounts"] = lasting(world, discounts)
    subscription["latest_invoice"] = invoice["id"]
    world.emit("invoice.created", invoice)
    if not finalized:
        invoice["auto_advance"] = False
        return invoice
    return finalize(world, invoice)


def invoice_paid(world: World, invoice: Json) -> None:
    """What a paid invoice does to its subscription."""
    from portal.standin.billing.changes import apply_pending

    subscription = subscription_of(world, invoice)
    if subscription is None or subscription["status"] in ENDED:
        return
    pending = world.private(subscription["id"]).get("pending_update")
    if pending and pending["invoice"] == invoice["id"]:
        apply_pending(world, subscription)
    if subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
        _keep_method(world, subscription, invoice)
    latest = subscription["latest_invoice"] == invoice["id"]
    if latest and subscription["status"] in ("incomplete", "past_due", "unpaid"):
        set_status(world, subscription, "active")


def _keep_method(world: World, subscription: Json, invoice: Json) -> None:
    for payment in world.find("invoice_payment", invoice=invoice["id"], status="paid"):
        intent = world.get("payment_intent", payment["payment"]["payment_intent"])
        subscription["default_payment_method"] = intent["payment_method"]


def set_status(world: World, subscription: Json, status: str) -> None:
    before = {"status": subscription["status"]}
    subscription["status"] = status
    world.emit("customer.subscription.updated", subscription, previous=before)
