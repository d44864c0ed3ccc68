"""Checkout: what is bought, and what becomes of it when a customer pays, fails or leaves."""

from typing import Any

from portal.standin.billing.discounts import redeem, taken_off
from portal.standin.billing.lines import Draft, summed
from portal.standin.billing.proration import unit_amount
from portal.standin.errors import Json, invalid, missing_param, not_simulated
from portal.standin.listing import page_of
from portal.standin.money import check_amount, rounded
from portal.standin.params import integer, merged_metadata, required, truth
from portal.standin.resources.products import new_price
from portal.standin.routes import readable, route
from portal.standin.world import World, listed, new_id, pictured

DAY = 86400
RECOVERY = 30 * DAY
NOT_SIMULATED = (
    "shipping_options",
    "shipping_address_collection",
    "custom_fields",
    "optional_items",
    "invoice_creation",
)
SAVED = "saved_payment_method_options"
KEPT = ("payment_intent_data", "setup_intent_data", "subscription_data")


@route("POST", "checkout/sessions", "checkout.SessionCreateParams")
def create(world: World, params: Json) -> Json:
    mode = params.get("mode") or "payment"
    if mode not in ("payment", "setup", "subscription"):
        raise invalid("Invalid mode: must be one of payment, setup, or subscription", "mode")
    _refuse(params)
    lines = _lines(world, mode, params)
    currency = lines[0]["currency"] if lines else params.get("currency") or None
    customer = params.get("customer") or None
    if customer:
        world.get("customer", customer, "customer")
    now = world.now()
    expires = integer(params, "expires_at", now + DAY)
    if not now + 1800 - 60 <= expires <= now + DAY:
        raise invalid("The `expires_at` timestamp must be between 30 minutes and 24 hours from now.", "expires_at")
    session = world.create(
        "checkout.session",
        "cs_test_",
        metadata=params.get("metadata"),
        adaptive_pricing=None,
        after_expiration=_recovery(params.get("after_expiration")),
        allow_promotion_codes=truth(params["allow_promotion_codes"]) if "allow_promotion_codes" in params else None,
        amount_subtotal=None,
        amount_total=None,
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        billing_address_collection=params.get("billing_address_collection") or None,
        cancel_url=params.get("cancel_url") or None,
        client_reference_id=params.get("client_reference_id") or None,
        client_secret=None,
        consent=None,
        consent_collection=None,
        currency=currency,
        customer=customer,
        customer_creation=(params.get("customer_creation") or "if_required")
        if mode == "payment" and not customer
        else None,
        customer_details=None,
        customer_email=params.get("customer_email") or None,
        custom_fields=[],
        custom_text={
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        discounts=[],
        expires_at=expires,
        invoice=None,
        invoice_creation=None,
        locale=params.get("locale") or None,
        mode=mode,
        payment_intent=None,
        payment_link=None,
        payment_method_collection="always" if mode == "subscription" else "if_required",
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        payment_status="unpaid",
        recovered_from=None,
        redirect_on_completion=None,
        return_url=None,
        saved_payment_method_options=_saved_options(mode, params.get("saved_payment_method_options")),
        setup_intent=None,
        shipping_options=[],
        status="open",
        submit_type=params.get("submit_type") or None,
        subscription=None,
        success_url=required(params, "success_url"),
        total_details=None,
        ui_mode="hosted_page",
    )
    session["url"] = world.page("checkout", session["id"])
    private = world.private(session["id"])
    private |= {name: params.get(name) or {} for name in KEPT}
    private["lines"] = lines
    apply_discounts(world, session, params.get("discounts") or [])
    return session


def _refuse(params: Json) -> None:
    for name in NOT_SIMULATED:
        if params.get(name):
            raise not_simulated(f"`{name}` of Checkout", name)
    if truth((params.get("automatic_tax") or {}).get("enabled")):
        raise not_simulated("automatic taxes", "automatic_tax")
    if params.get("ui_mode") not in (None, "hosted", "hosted_page"):
        raise not_simulated("embedded Checkout", "ui_mode")


def _saved_options(mode: str, given: Any) -> Json | None:
    """Which of the customer's cards Checkout offers."""
    if mode == "setup":
        if given:
            raise invalid("You can not pass `saved_payment_method_options` in `setup` mode.", SAVED)
        return None
    for name in ("payment_method_remove", "payment_method_save"):
        if (given or {}).get(name) not in (None, "", "disabled"):
            raise not_simulated(f"`{name}` of Checkout", f"{SAVED}[{name}]")
    filters = (given or {}).get("allow_redisplay_filters") or ["always"]
    return {"allow_redisplay_filters": filters, "payment_method_remove": "disabled", "payment_method_save": None}


def saved_methods(world: World, session: Json) -> list[Json]:
    """Newest first; none for a session that was begun before there was a choice."""
    options = session.get("saved_payment_method_options")
    if not options or not session["customer"] or session["status"] != "open":
        return []
    found = world.find("payment_method", customer=session["customer"])
    return [one for one in found if one["allow_redisplay"] in options["allow_redisplay_filters"]]


def _recovery(given: Any) -> Json | None:
    recovery = (given or {}).get("recovery")
    if not recovery or not truth(recovery.get("enabled")):
        return None
    codes = truth(recovery.get("allow_promotion_codes"))
    return {"recovery": {"allow_promotion_codes": codes, "enabled": True, "expires_at": None, "url": None}}


def _lines(world: World, mode: str, params: Json) -> list[Json]:
    """With the tax rates they name, which the API does not show on them: they travel in `taxes`."""
    given = params.get("line_items") or []
    if mode == "setup":
        if given:
            raise invalid("You can not pass `line_items` in `setup` mode.", "line_items")
        return []
    if not given:
        raise missing_param("line_items")
    lines = []
    for entry in given:
        price = world.get("price", entry["price"], "line_items[price]") if entry.get("price") else None
        if price is None:
            price = new_price(world, required(entry, "price_data"))
        if not price["active"]:
            raise invalid(f"The price specified is inactive: {price['id']}", "line_items[price]")
        if mode == "payment" and price["recurring"]:
            raise invalid("You specified `payment` mode but passed a recurring price.", "mode")
        quantity = integer(entry, "quantity", 1)
        amount = rounded(unit_amount(price) * quantity)
        rates = [world.get("tax_rate", one, "tax_rates") for one in entry.get("tax_rates") or []]
        lines.append(
            {
                "id": new_id("li_"),
                "object": "item",
                "amount_discount": 0,
                "amount_subtotal": amount,
                "amount_tax": 0,
                "amount_total": amount,
                "currency": price["currency"],
                "description": world.get("product", price["product"])["name"],
                "discounts": [],
                "price": pictured(price),
                "quantity": quantity,
                "taxes": [{"amount": 0, "rate": pictured(rate), "taxable_amount": amount} for rate in rates],
            }
        )
    if mode == "subscription" and not any(line["price"]["recurring"] for line in lines):
        raise invalid("You must provide at least one recurring price in `subscription` mode.", "mode")
    return lines


def apply_discounts(world: World, session: Json, given: list[Json]) -> None:
    """Reckon the session with these discounts in place of those it had. Raises for codes that are not valid."""
    private = world.private(session["id"])
    lines = private["lines"]
    if not lines:
        session["payment_status"] = "no_payment_required"
        return
    subtotal = sum(line["amount_subtotal"] for line in lines)
    currency = session["currency"]
    before = world.store.snapshot()
    discounts = redeem(world, given, customer=session["customer"], amount=subtotal, currency=currency)
    drafts = [
        Draft(line["amount_subtotal"], "", 0, 0, rates=[tax["rate"]["id"] for tax in line["taxes"]]) for line in lines
    ]
    result = summed(world, drafts, discounts, currency, None)
    taken = taken_off(world, discounts, subtotal)
    world.store.back_to(before)  # a code counts as used when the session is paid, not when it is tried
    if session["mode"] == "payment" and result.total:
        check_amount(result.total, currency, "amount_total")
    private["lines"] = [_reckoned(line, own) for line, own in zip(lines, result.lines, strict=True)]
    session["discounts"] = [{"coupon": one.get("coupon"), "promotion_code": one.get("promotion_code")} for one in given]
    session |= {
        "amount_subtotal": subtotal,
        "amount_total": result.total,
        "payment_status": "unpaid" if result.total else "no_payment_required",
        "total_details": {
            "amount_discount": sum(amount for _, amount in taken),
            "amount_shipping": 0,
            "amount_tax": sum(tax["amount"] for tax in result.taxes),
        },
    }


def _reckoned(line: Json, own: Json) -> Json:
    off = sum(one["amount"] for one in own["discount_amounts"])
    taxes = [
        tax | {"amount": reckoned["amount"], "taxable_amount": reckoned["taxable_amount"]}
        for tax, reckoned in zip(line["taxes"], own["taxes"], strict=True)
    ]
    exclusive = sum(tax["amount"] for tax in taxes if not tax["rate"]["inclusive"])
    return line | {
        "amount_discount": off,
        "amount_tax": sum(tax["amount"] for tax in taxes),
        "amount_total": line["amount_subtotal"] - off + exclusive,
        "taxes": taxes,
    }


def expire(world: World, session: Json) -> Json:
    if session["status"] != "open":
        raise invalid('Only Checkout Sessions with a status in ["open"] can be expired.', None)
    session |= {"status": "expired", "url": None}
    if session["after_expiration"]:
        until = world.now() + RECOVERY
        url = world.page("checkout", session["id"], "recover")
        session["after_expiration"]["recovery"] |= {"expires_at": until, "url": url}
    return world.emit("checkout.session.expired", session)


@route("POST", "checkout/sessions/{id}/expire", "checkout.SessionExpireParams")
def expire_route(world: World, params: Json, id: str) -> Json:
    return expire(world, world.get("checkout.session", id))


@route("POST", "checkout/sessions/{id}", "checkout.SessionModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    session = world.get("checkout.session", id)
    session["metadata"] = merged_metadata(session["metadata"], params.get("metadata"))
    return session


def lines_of(world: World, session: Json) -> Json:
    return listed(world.private(session["id"])["lines"], f"/v1/checkout/sessions/{session['id']}/line_items")


@route("GET", "checkout/sessions/{id}/line_items", "checkout.SessionListLineItemsParams")
def line_items(world: World, params: Json, id: str) -> Json:
    session = world.get("checkout.session", id)
    return page_of(world.private(session["id"])["lines"], params, f"/v1/checkout/sessions/{id}/line_items")


readable("checkout/sessions", "checkout.session", "checkout.SessionListParams")
