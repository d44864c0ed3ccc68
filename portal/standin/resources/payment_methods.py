"""Cards."""

import hashlib
from typing import Any

from portal.standin.cards import CARDS, TOKENS, TestCard, card_of, check_expiry
from portal.standin.errors import Json, invalid, not_simulated
from portal.standin.listing import page_of
from portal.standin.params import address, integer, merged_metadata, required
from portal.standin.routes import readable, route
from portal.standin.world import World


def new_method(world: World, number: str, *, month: int = 12, year: int = 2034, params: Json | None = None) -> Json:
    """A card that belongs to nobody yet. Raises card errors for what is no card."""
    card = card_of(number)
    check_expiry(month, year)
    given = params or {}
    method = world.create(
        "payment_method",
        "pm_",
        metadata=given.get("metadata"),
        type="card",
        customer=None,
        allow_redisplay=given.get("allow_redisplay") or "unspecified",
        billing_details=_billing_details(given.get("billing_details") or {}),
        card={
            "brand": card.brand,
            "display_brand": card.brand,
            "last4": card.number[-4:],
            "exp_month": month,
            "exp_year": year,
            "country": "US",
            "funding": "credit",
            "fingerprint": hashlib.sha256(card.number.encode()).hexdigest()[:16],
            "checks": {"cvc_check": "pass", "address_line1_check": None, "address_postal_code_check": None},
            "networks": {"available": [card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "regulated_status": "unregulated",
            "wallet": None,
            "generated_from": None,
        },
    )
    world.private(method["id"])["number"] = card.number
    return method


def _billing_details(given: Json) -> Json:
    return {"address": address(given.get("address"))} | {
        name: given.get(name) or None for name in ("email", "name", "phone", "tax_id")
    }


def card_behind(world: World, method: Json) -> TestCard:
    return CARDS[world.private(method["id"])["number"]]


def resolve(world: World, key: Any, param: str = "payment_method") -> Json:
    """The method of that id; a test token (`pm_card_visa`) makes a new one. Raises resource_missing."""
    if key in TOKENS:
        return new_method(world, TOKENS[key])
    return world.get("payment_method", key, param)


def own_method(world: World, key: Any, customer: str, param: str) -> Json:
    method = resolve(world, key, param)
    if method["customer"] != customer:
        raise invalid(
            "The customer does not have a payment method with the ID "
            f"{method['id']}. The payment method must be attached to the customer.",
            param,
            "resource_missing",
        )
    return method


def attach(world: World, method: Json, customer: str) -> Json:
    """Raises the card's own decline when a bank would refuse to let it be saved."""
    world.get("customer", customer, "customer")
    card = card_behind(world, method)
    if card.code and not card.attaches:
        raise card.declined(payment_method=method)
    if method["customer"] == customer:
        return method
    if method["customer"] is not None:
        raise invalid("The payment method you provided has already been attached to a customer.", "payment_method")
    if world.private(method["id"]).get("detached"):
        raise invalid(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a"
            " Customer, and may not be used again.",
            "payment_method",
        )
    method["customer"] = customer
    return world.emit("payment_method.attached", method)


@route("POST", "payment_methods", "PaymentMethodCreateParams")
def create(world: World, params: Json) -> Json:
    if required(params, "type") != "card":
        raise not_simulated(f"payment methods of the type {params['type']}", "type")
    given = required(params, "card")
    if "token" in given:
        raise not_simulated("tokens in place of card numbers", "card[token]")
    return new_method(
        world,
        required(given, "number"),
        month=integer(given, "exp_month"),
        year=integer(given, "exp_year"),
        params=params,
    )


@route("GET", "payment_methods/{id}")
def retrieve(world: World, params: Json, id: str) -> Json:
    return resolve(world, id)


@route("POST", "payment_methods/{id}", "PaymentMethodModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    method = world.get("payment_method", id)
    card = params.get("card") or {}
    if card:
        month = integer(card, "exp_month", method["card"]["exp_month"])
        year = integer(card, "exp_year", method["card"]["exp_year"])
        check_expiry(month, year)
        method["card"] |= {"exp_month": month, "exp_year": year}
    if "billing_details" in params:
        method["billing_details"] = _billing_details(method["billing_details"] | params["billing_details"])
    if "allow_redisplay" in params:
        method["allow_redisplay"] = params["allow_redisplay"]
    if "metadata" in params:
        method["metadata"] = merged_metadata(method["metadata"], params["metadata"])
    return world.emit("payment_method.updated", method)


@route("POST", "payment_methods/{id}/attach", "PaymentMethodAttachParams")
def attach_route(world: World, params: Json, id: str) -> Json:
    return attach(world, resolve(world, id), required(params, "customer"))


@route("POST", "payment_methods/{id}/detach", "PaymentMethodDetachParams")
def detach(world: World, params: Json, id: str) -> Json:
    method = world.get("payment_method", id)
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    owner = world.get("customer", method["customer"])
    if owner["invoice_settings"]["default_payment_method"] == id:
        owner["invoice_settings"]["default_payment_method"] = None
        world.emit("customer.updated", owner)
    for subscription in world.find("subscription", default_payment_method=id):
        subscription["default_payment_method"] = None
    method["customer"] = None
    world.private(id)["detached"] = True
    return world.emit("payment_method.detached", method, previous={"customer": owner["id"]})


readable("payment_methods", "payment_method", "PaymentMethodListParams")


@route("GET", "customers/{id}/payment_methods", "CustomerListPaymentMethodsParams")
def of_customer(world: World, params: Json, id: str) -> Json:
    world.get("customer", id)
    return page_of(world.find("payment_method", customer=id), params, f"/v1/customers/{id}/payment_methods")


@route("GET", "customers/{id}/payment_methods/{method}")
def one_of_customer(world: World, params: Json, id: str, method: str) -> Json:
    return own_method(world, method, id, "payment_method")
