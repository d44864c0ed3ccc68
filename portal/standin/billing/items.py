"""Pending items: what goes onto the customer's next invoice."""

from portal.standin.billing.lines import Draft
from portal.standin.errors import Json
from portal.standin.world import World


def new_item(world: World, customer: str, currency: str, draft: Draft, invoice: str | None = None) -> Json:
    quantity = draft.quantity or 1
    item = world.create(
        "invoiceitem",
        "ii_",
        metadata=draft.metadata,
        amount=draft.amount,
        currency=currency,
        customer=customer,
        date=world.now(),
        description=draft.words,
        discountable=draft.discountable,
        discounts=[],
        invoice=invoice,
        net_amount=draft.amount,
        parent=_parent(draft),
        period={"start": draft.start, "end": draft.end},
        pricing={
            "price_details": {"price": draft.price["id"], "product": draft.price["product"]},
            "type": "price_details",
            "unit_amount_decimal": draft.price["unit_amount_decimal"],
        }
        if draft.price
        else None,
        proration=draft.proration,
        quantity=quantity,
        quantity_decimal=str(quantity),
        tax_rates=[world.get("tax_rate", rate) for rate in draft.rates],
        test_clock=None,
    )
    item.pop("created")
    return world.emit("invoiceitem.created", item)


def _parent(draft: Draft) -> Json | None:
    if draft.subscription is None:
        return None
    details = {"subscription": draft.subscription, "subscription_item": draft.item}
    return {"subscription_details": details, "type": "subscription_details"}


def take_pending(world: World, customer: str, currency: str, subscription: str | None, invoice: str) -> list[Draft]:
    """The drafts of items that wait: those of `subscription` and of none, or only the latter when it is None."""
    drafts = []
    for item in reversed(world.find("invoiceitem", customer=customer, currency=currency, invoice=None)):
        of = (item["parent"] or {"subscription_details": {"subscription": None}})["subscription_details"]
        if of["subscription"] not in (None, subscription):
            continue
        item["invoice"] = invoice
        drafts.append(as_draft(world, item))
    return drafts


def as_draft(world: World, item: Json) -> Draft:
    of = (item["parent"] or {"subscription_details": {}})["subscription_details"]
    price = world.store.get("price", item["pricing"]["price_details"]["price"]) if item["pricing"] else None
    return Draft(
        item["amount"],
        item["description"] or "",
        item["period"]["start"],
        item["period"]["end"],
        item["quantity"],
        price,
        [rate["id"] for rate in item["tax_rates"] or []],
        of.get("subscription"),
        of.get("subscription_item"),
        item["id"],
        item["proration"],
        item["discountable"],
        item["metadata"],
    )
