"""What the next invoice would be: everything is done as if, and then undone."""

from portal.standin.billing.changes import change
from portal.standin.billing.discounts import in_force, lasting, redeem
from portal.standin.billing.invoicing import fill, new_invoice
from portal.standin.billing.items import take_pending
from portal.standin.billing.lines import Draft
from portal.standin.billing.proration import cost, whole
from portal.standin.billing.schedules import next_phase
from portal.standin.billing.subscriptions import blank_subscription, new_item, start_period
from portal.standin.errors import Json, invalid, not_simulated
from portal.standin.world import World, listed, new_id, pictured


def preview(world: World, params: Json) -> Json:
    before, fresh = world.store.snapshot(), len(world.fresh)
    try:
        shown = pictured(_preview(world, params))
    finally:
        world.frozen = None
        world.store.back_to(before)
        del world.fresh[fresh:]
    key = new_id("upcoming_in_")
    for line in shown["lines"]["data"]:
        line["invoice"] = key
    return shown | {"id": key}


def _refuse(params: Json, details: Json) -> None:
    for name in ("schedule", "schedule_details", "customer_details", "on_behalf_of"):
        if params.get(name):
            raise not_simulated(f"`{name}` of previews", name)
    for name in ("cancel_now", "resume_at", "billing_schedules"):
        if details.get(name) not in (None, "false"):
            raise not_simulated(f"`{name}` of previews", f"subscription_details[{name}]")


def _preview(world: World, params: Json) -> Json:
    details = params.get("subscription_details") or {}
    _refuse(params, details)
    if params.get("subscription"):
        subscription = world.get("subscription", params["subscription"], "subscription")
        return _of_running(world, subscription, params, details)
    customer = world.get("customer", params.get("customer"), "customer")
    if details.get("items"):
        return _of_new(world, customer, params, details)
    return _of_items(world, customer, params)


def _of_running(world: World, subscription: Json, params: Json, details: Json) -> Json:
    latest = subscription["latest_invoice"]
    # Nothing is charged for a preview: an invoice by mail stays open, and is then shown as it was made.
    subscription["collection_method"], subscription["days_until_due"] = "send_invoice", 0
    changes = {name: value for name, value in details.items() if name != "start_date"}
    if "discounts" in params:
        changes["discounts"] = params["discounts"]
    if changes.get("items"):  # in place of whatever was to come
        subscription |= {"schedule": None, "pending_update": None}
    if changes:
        change(world, subscription, changes)
    recurring = params.get("preview_mode") == "recurring"
    if subscription["latest_invoice"] != latest and not recurring:
        return _as_draft(world.get("invoice", subscription["latest_invoice"]))
    return _next_period(world, subscription, recurring=recurring)


def _next_period(world: World, subscription: Json, *, recurring: bool) -> Json:
    """What the coming invoice will be; `recurring`: only what every one after it will have."""
    items = subscription["items"]["data"]
    end = min(item["current_period_end"] for item in items)
    world.frozen = max(end, world.now())
    if subscription["cancel_at_period_end"] or not next_phase(world, subscription):
        raise invalid("No upcoming invoices for customer", None, "invoice_upcoming_none")
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    for item in items:
        start_period(subscription, item, item["current_period_end"])
    if recurring:
        subscription["discounts"] = lasting(world, subscription["discounts"])
    return _upcoming(world, subscription, [whole(world, subscription, item) for item in items], pending=not recurring)


def _upcoming(world: World, subscription: Json, lines: list[Draft], *, pending: bool = True) -> Json:
    customer = world.get("customer", subscription["customer"])
    first = subscription["items"]["data"][0]
    period = (first["current_period_start"], first["current_period_end"])
    invoice = new_invoice(world, customer, subscription["currency"], subscription=subscription, period=period)
    if pending:
        lines = take_pending(world, customer["id"], invoice["currency"], subscription["id"], invoice["id"]) + lines
    fill(world, invoice, lines, in_force(world, subscription["discounts"]))
    return _as_draft(invoice)


def _of_new(world: World, customer: Json, params: Json, details: Json) -> Json:
    subscription = blank_subscription(world, customer, {"default_tax_rates": details.get("default_tax_rates")})
    items = [new_item(world, subscription, entry) for entry in details["items"]]
    subscription |= {"items": listed(items, ""), "currency": items[0]["price"]["currency"], "status": "active"}
    for item in items:
        start_period(subscription, item, world.now())
    amount = sum(cost(item) for item in items)
    subscription["discounts"] = redeem(
        world, params.get("discounts"), customer=customer["id"], amount=amount, currency=subscription["currency"]
    )
    lines = [whole(world, subscription, item) for item in items]
    return _upcoming(world, subscription, lines)


def _of_items(world: World, customer: Json, params: Json) -> Json:
    from portal.standin.resources.invoices import item_draft

    given = [item_draft(world, entry) for entry in params.get("invoice_items") or []]
    for draft, _ in given:
        draft.invoice_item = new_id("ii_")  # as the item would have one
    currency = given[0][1] if given else (params.get("currency") or customer["currency"] or "usd").lower()
    invoice = new_invoice(world, customer, currency)
    pending = take_pending(world, customer["id"], currency, None, invoice["id"])
    drafts = pending + [draft for draft, _ in given]
    if not drafts:
        raise invalid("No upcoming invoices for customer", None, "invoice_upcoming_none")
    discounts = redeem(world, params.get("discounts"), customer=customer["id"], amount=0, currency=currency)
    return _as_draft(fill(world, invoice, drafts, discounts))


def _as_draft(invoice: Json) -> Json:
    invoice["status_transitions"]["finalized_at"] = None
    return invoice | {
        "billing_reason": "upcoming",
        "collection_method": "charge_automatically",
        "due_date": None,
        "effective_at": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "number": None,
        "status": "draft",
    }
