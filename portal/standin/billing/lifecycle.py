"""What becomes of a subscription as its periods end: renewed, past due, ended."""

from typing import Any

from portal.standin.billing.invoicing import attempt, close
from portal.standin.billing.proration import whole
from portal.standin.billing.schedules import end_with, next_phase
from portal.standin.billing.subscriptions import ENDED, bill, set_status, start_period
from portal.standin.errors import Json, invalid
from portal.standin.world import World


def renew(world: World, subscription: Json) -> None:
    """The period is over: cancel if that was asked for, else begin the next one and charge it."""
    if subscription["cancel_at_period_end"] or not next_phase(world, subscription):
        cancel_now(world, subscription)
        return
    if subscription["status"] == "trialing":
        if not _after_trial(world, subscription):
            return
        subscription["status"] = "active"
    items = subscription["items"]["data"]
    for item in items:
        start_period(subscription, item, item["current_period_end"])
    world.emit("customer.subscription.updated", subscription)
    paused = (subscription["pause_collection"] or {}).get("behavior")
    lines = [whole(world, subscription, item) for item in items]
    # Nobody tries to collect from who has not paid after all retries; the invoices wait as drafts.
    unpaid = subscription["status"] == "unpaid"
    invoice = bill(world, subscription, "subscription_cycle", lines, finalized=not unpaid)
    if paused and invoice["status"] == "open":
        close(world, invoice, "void" if paused == "void" else "uncollectible")
    elif invoice["status"] == "open" and subscription["collection_method"] == "charge_automatically":
        charge_again(world, subscription, invoice)


def _after_trial(world: World, subscription: Json) -> bool:
    """Whether a subscription goes on when its trial ends."""
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    customer = world.get("customer", subscription["customer"])
    method = subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    if method or behavior == "create_invoice":
        return True
    if behavior == "cancel":
        cancel_now(world, subscription)
    else:
        set_status(world, subscription, "paused")
        world.emit("customer.subscription.paused", subscription)
    return False


def charge_again(world: World, subscription: Json, invoice: Json) -> None:
    """Charge without anybody present; a refusal makes the subscription past due, and the last one ends as is set."""
    if attempt(world, invoice) is None:
        return
    end = world.setting("dunning").get("end", "cancel") if invoice["next_payment_attempt"] is None else "past_due"
    if end == "cancel":
        cancel_now(world, subscription, reason="payment_failed")
    elif subscription["status"] != end:
        set_status(world, subscription, end)


def cancel_now(
    world: World, subscription: Json, *, reason: str = "cancellation_requested", details: Any = None
) -> Json:
    if subscription["status"] in ENDED:
        raise invalid(f"No such subscription: '{subscription['id']}'", "id", "resource_missing")
    now = world.now()
    for item in world.find("invoiceitem", customer=subscription["customer"], invoice=None):
        if ((item["parent"] or {}).get("subscription_details") or {}).get("subscription") == subscription["id"]:
            world.store.remove("invoiceitem", item["id"])
    subscription |= {
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or now,
        "ended_at": now,
        "pending_update": None,
        "cancellation_details": {"comment": None, "feedback": None, **(details or {}), "reason": reason},
    }
    end_with(world, subscription, delinquent=reason == "payment_failed")
    return world.emit("customer.subscription.deleted", subscription)


def expire_incomplete(world: World, subscription: Json) -> None:
    subscription |= {"status": "incomplete_expired", "ended_at": world.now()}
    invoice = world.get("invoice", subscription["latest_invoice"])
    if invoice["status"] == "open":
        close(world, invoice, "void")
    world.emit("customer.subscription.updated", subscription)
