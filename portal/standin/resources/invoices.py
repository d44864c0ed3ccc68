"""Routes of invoices, of what waits for the next one, and of their payments."""

from typing import Any

from portal.standin.billing.discounts import redeem
from portal.standin.billing.invoicing import close, collect, fill, finalize, new_invoice, paid_otherwise
from portal.standin.billing.items import as_draft, new_item, take_pending
from portal.standin.billing.lines import Draft
from portal.standin.billing.preview import preview
from portal.standin.billing.proration import unit_amount
from portal.standin.errors import Json, invalid
from portal.standin.listing import page_of
from portal.standin.money import currency_of, rounded
from portal.standin.params import integer, merged_metadata, optional_integer, required, truth
from portal.standin.resources.products import new_price
from portal.standin.routes import readable, route
from portal.standin.world import World


def item_draft(world: World, params: Json) -> tuple[Draft, str]:
    """From the parameters of an invoice item; with its currency."""
    now = world.now()
    period = params.get("period") or {}
    start, end = integer(period, "start", now), integer(period, "end", now)
    quantity = integer(params, "quantity", 1)
    price = _price(world, params)
    if price is not None:
        amount, currency = rounded(unit_amount(price) * quantity), price["currency"]
        words = params.get("description") or world.get("product", price["product"])["name"]
    else:
        amount, currency = integer(params, "amount"), currency_of(params)
        words = params.get("description") or "Amount"
    rates = [world.get("tax_rate", one)["id"] for one in params.get("tax_rates") or []]
    draft = Draft(amount, words, start, end, quantity, price, rates, params.get("subscription") or None)
    draft.discountable = truth(params.get("discountable", "true"))
    draft.metadata = dict(params.get("metadata") or {})
    return draft, currency


def _price(world: World, params: Json) -> Json | None:
    """`pricing[price]`, or a price made of `price_data`."""
    if key := (params.get("pricing") or {}).get("price") or params.get("price"):
        return world.get("price", key, "price")
    return new_price(world, params["price_data"]) if params.get("price_data") else None


@route("POST", "invoiceitems", "InvoiceItemCreateParams")
def create_item(world: World, params: Json) -> Json:
    customer = world.get("customer", required(params, "customer"), "customer")
    draft, currency = item_draft(world, params)
    invoice = world.get("invoice", params["invoice"], "invoice") if params.get("invoice") else None
    if invoice is not None and invoice["status"] != "draft":
        raise invalid("You can only add items to draft invoices.", "invoice")
    item = new_item(world, customer["id"], currency, draft, invoice["id"] if invoice else None)
    if invoice is not None:
        refill(world, invoice)
    return item


@route("POST", "invoiceitems/{id}", "InvoiceItemModifyParams")
def modify_item(world: World, params: Json, id: str) -> Json:
    item = world.get("invoiceitem", id)
    if item["invoice"] and world.get("invoice", item["invoice"])["status"] != "draft":
        raise invalid("This item belongs to a finalized invoice and cannot be changed.")
    if "amount" in params:
        item["amount"] = item["net_amount"] = integer(params, "amount")
    if "description" in params:
        item["description"] = params["description"] or None
    if "metadata" in params:
        item["metadata"] = merged_metadata(item["metadata"], params["metadata"])
    if item["invoice"]:
        refill(world, world.get("invoice", item["invoice"]))
    return item


@route("DELETE", "invoiceitems/{id}")
def delete_item(world: World, params: Json, id: str) -> Json:
    item = world.get("invoiceitem", id)
    if item["invoice"] and world.get("invoice", item["invoice"])["status"] != "draft":
        raise invalid("This item belongs to a finalized invoice and cannot be deleted.")
    world.store.remove("invoiceitem", id)
    if item["invoice"]:
        refill(world, world.get("invoice", item["invoice"]))
    world.emit("invoiceitem.deleted", item)
    return {"id": id, "object": "invoiceitem", "deleted": True}


def _items_where(item: Json, asked: Json) -> bool:
    pending = asked.pop("pending", None)
    return pending is None or truth(pending) == (item["invoice"] is None)


readable("invoiceitems", "invoiceitem", "InvoiceItemListParams", _items_where)


def refill(world: World, invoice: Json) -> None:
    items = reversed(world.find("invoiceitem", invoice=invoice["id"]))
    drafts = [as_draft(world, item) for item in items]
    for draft in drafts:
        draft.rates = draft.rates or [rate["id"] for rate in invoice["default_tax_rates"]]
    fill(world, invoice, drafts, invoice["discounts"])


@route("POST", "invoices", "InvoiceCreateParams")
def create(world: World, params: Json) -> Json:
    customer = world.get("customer", required(params, "customer"), "customer")
    sending = params.get("collection_method") == "send_invoice"
    if sending and not params.get("days_until_due") and not params.get("due_date"):
        raise invalid("Missing required param: days_until_due.", "days_until_due", "parameter_missing")
    currency = (params.get("currency") or customer["currency"] or "usd").lower()
    days = optional_integer(params, "days_until_due")
    invoice = new_invoice(world, customer, currency, days_until_due=days, params=params)
    if params.get("due_date"):
        invoice["due_date"] = integer(params, "due_date")
    invoice["auto_advance"] = truth(params.get("auto_advance"))
    invoice["default_tax_rates"] = [world.get("tax_rate", one) for one in params.get("default_tax_rates") or []]
    if params.get("pending_invoice_items_behavior") == "include":
        take_pending(world, customer["id"], currency, None, invoice["id"])
    invoice["discounts"] = redeem(
        world, params.get("discounts"), customer=customer["id"], amount=0, currency=currency, invoice=invoice["id"]
    )
    refill(world, invoice)
    return world.emit("invoice.created", invoice)


@route("POST", "invoices/create_preview", "InvoiceCreatePreviewParams")
def create_preview(world: World, params: Json) -> Json:
    return preview(world, params)


@route("POST", "invoices/{id}", "InvoiceModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    invoice = world.get("invoice", id)
    for name in ("description", "footer", "default_payment_method", "custom_fields"):
        if name in params:
            invoice[name] = params[name] or None
    if "auto_advance" in params:
        invoice["auto_advance"] = truth(params["auto_advance"])
    if "metadata" in params:
        invoice["metadata"] = merged_metadata(invoice["metadata"], params["metadata"])
    return world.emit("invoice.updated", invoice)


@route("DELETE", "invoices/{id}")
def delete(world: World, params: Json, id: str) -> Json:
    invoice = world.get("invoice", id)
    if invoice["status"] != "draft":
        raise invalid("You can only delete draft invoices.")
    for item in world.find("invoiceitem", invoice=id):
        world.store.remove("invoiceitem", item["id"])
    world.store.remove("invoice", id)
    world.emit("invoice.deleted", invoice)
    return {"id": id, "object": "invoice", "deleted": True}


@route("POST", "invoices/{id}/finalize", "InvoiceFinalizeInvoiceParams")
def finalize_route(world: World, params: Json, id: str) -> Json:
    return finalize(world, world.get("invoice", id))


@route("POST", "invoices/{id}/pay", "InvoicePayParams")
def pay(world: World, params: Json, id: str) -> Json:
    invoice = world.get("invoice", id)
    if invoice["status"] == "draft":
        finalize(world, invoice)
    if truth(params.get("paid_out_of_band")):
        return paid_otherwise(world, invoice)
    off_session = truth(params.get("off_session", "true"))
    return collect(world, invoice, method=params.get("payment_method") or None, on_session=not off_session)


@route("POST", "invoices/{id}/send", "InvoiceSendInvoiceParams")
def send(world: World, params: Json, id: str) -> Json:
    """Nothing is mailed."""
    invoice = world.get("invoice", id)
    if invoice["status"] == "draft":
        finalize(world, invoice)
    return world.emit("invoice.sent", invoice)


@route("POST", "invoices/{id}/void", "InvoiceVoidInvoiceParams")
def void(world: World, params: Json, id: str) -> Json:
    return close(world, world.get("invoice", id), "void")


@route("POST", "invoices/{id}/mark_uncollectible", "InvoiceMarkUncollectibleParams")
def uncollectible(world: World, params: Json, id: str) -> Json:
    return close(world, world.get("invoice", id), "uncollectible")


@route("GET", "invoices/{id}/lines", "InvoiceListLinesParams")
def lines(world: World, params: Json, id: str) -> Json:
    return page_of(world.get("invoice", id)["lines"]["data"], params, f"/v1/invoices/{id}/lines")


def _where(invoice: Json, asked: Json) -> bool:
    subscription: Any = asked.pop("subscription", None)
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return subscription is None or details.get("subscription") == subscription


readable("invoices", "invoice", "InvoiceListParams", _where)


def _payments_where(payment: Json, asked: Json) -> bool:
    wanted = asked.pop("payment", None)
    return wanted is None or payment["payment"]["payment_intent"] == wanted.get("payment_intent")


readable("invoice_payments", "invoice_payment", "InvoicePaymentListParams", _payments_where)
