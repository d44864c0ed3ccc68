"""Customers and their tax ids."""

import secrets
from typing import Any

from portal.standin.errors import Json, invalid
from portal.standin.listing import page_of
from portal.standin.params import address, integer, merged_metadata, required
from portal.standin.resources.payment_methods import attach, own_method, resolve
from portal.standin.routes import readable, route
from portal.standin.world import World, listed

TEXTS = ("business_name", "description", "email", "individual_name", "name", "phone")
EXEMPT = {"none", "exempt", "reverse"}


def new_customer(world: World, params: Json) -> Json:
    customer = world.create(
        "customer",
        "cus_",
        metadata=params.get("metadata"),
        address=address(params.get("address")),
        balance=integer(params, "balance", 0),
        currency=None,
        default_source=None,
        delinquent=False,
        discount=None,
        invoice_prefix=(params.get("invoice_prefix") or secrets.token_hex(4)).upper(),
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        next_invoice_sequence=1,
        preferred_locales=params.get("preferred_locales") or [],
        shipping=_shipping(params.get("shipping")),
        tax_exempt=_exempt(params.get("tax_exempt") or "none"),
        test_clock=None,
    )
    customer |= {name: params.get(name) or None for name in TEXTS}
    if params.get("payment_method"):
        attach(world, resolve(world, params["payment_method"]), customer["id"])
    _invoice_settings(world, customer, params.get("invoice_settings") or {})
    world.emit("customer.created", customer)
    for entry in params.get("tax_id_data") or []:
        new_tax_id(world, customer, entry)
    return customer


def _shipping(given: Any) -> Json | None:
    if not given:
        return None
    return {"name": given.get("name"), "phone": given.get("phone"), "address": address(given.get("address"))}


def _exempt(value: str) -> str:
    if value not in EXEMPT:
        raise invalid(f"Invalid tax_exempt: must be one of {', '.join(sorted(EXEMPT))}", "tax_exempt")
    return value


def _invoice_settings(world: World, customer: Json, given: Json) -> None:
    settings = customer["invoice_settings"]
    if "default_payment_method" in given:
        chosen = given["default_payment_method"] or None
        if chosen is not None:
            own_method(world, chosen, customer["id"], "invoice_settings[default_payment_method]")
        settings["default_payment_method"] = chosen
    for name in ("custom_fields", "footer"):
        if name in given:
            settings[name] = given[name] or None


@route("POST", "customers", "CustomerCreateParams")
def create(world: World, params: Json) -> Json:
    return new_customer(world, params)


@route("POST", "customers/{id}", "CustomerModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    customer = world.get("customer", id)
    before = {name: customer.get(name) for name in params}
    for name in TEXTS:
        if name in params:
            customer[name] = params[name] or None
    if "address" in params:
        customer["address"] = address(params["address"])
    if "shipping" in params:
        customer["shipping"] = _shipping(params["shipping"])
    if "tax_exempt" in params:
        customer["tax_exempt"] = _exempt(params["tax_exempt"] or "none")
    if "balance" in params:
        customer["balance"] = integer(params, "balance")
    if "preferred_locales" in params:
        customer["preferred_locales"] = params["preferred_locales"] or []
    if "metadata" in params:
        customer["metadata"] = merged_metadata(customer["metadata"], params["metadata"])
    _invoice_settings(world, customer, params.get("invoice_settings") or {})
    return world.emit("customer.updated", customer, previous=before)


@route("DELETE", "customers/{id}")
def delete(world: World, params: Json, id: str) -> Json:
    from portal.standin.billing.lifecycle import cancel_now

    customer = world.get("customer", id)
    for subscription in world.find("subscription", customer=id):
        if subscription["status"] not in ("canceled", "incomplete_expired"):
            cancel_now(world, subscription)
    for method in world.find("payment_method", customer=id):
        method["customer"] = None
    world.store.remove("customer", id)
    world.emit("customer.deleted", customer)
    return {"id": id, "object": "customer", "deleted": True}


readable("customers", "customer", "CustomerListParams")


def new_tax_id(world: World, customer: Json, params: Json) -> Json:
    kind, value = required(params, "type"), required(params, "value")
    country = "EU" if kind == "eu_vat" else kind.partition("_")[0].upper()
    tax_id = world.create(
        "tax_id",
        "txi_",
        metadata=False,
        country=value[:2] if country == "EU" else country,
        customer=customer["id"],
        owner={"type": "customer", "customer": customer["id"]},
        type=kind,
        value=value,
        verification={"status": "verified", "verified_address": None, "verified_name": customer["name"]},
    )
    return world.emit("customer.tax_id.created", tax_id)


def tax_ids_of(world: World, customer: str) -> list[Json]:
    found = [one for one in world.store.look("tax_id") if one["customer"] == customer]
    return [{"type": one["type"], "value": one["value"]} for one in found]


@route("POST", "customers/{id}/tax_ids", "CustomerCreateTaxIdParams")
def create_tax_id(world: World, params: Json, id: str) -> Json:
    return new_tax_id(world, world.get("customer", id), params)


@route("GET", "customers/{id}/tax_ids", "CustomerListTaxIdsParams")
def list_tax_ids(world: World, params: Json, id: str) -> Json:
    return page_of(world.find("tax_id", customer=id), params, f"/v1/customers/{id}/tax_ids")


@route("GET", "customers/{id}/tax_ids/{tax_id}")
def retrieve_tax_id(world: World, params: Json, id: str, tax_id: str) -> Json:
    return world.get("tax_id", tax_id)


@route("DELETE", "customers/{id}/tax_ids/{tax_id}")
def delete_tax_id(world: World, params: Json, id: str, tax_id: str) -> Json:
    removed = world.get("tax_id", tax_id)
    world.store.remove("tax_id", tax_id)
    world.emit("customer.tax_id.deleted", removed)
    return {"id": tax_id, "object": "tax_id", "deleted": True}


@route("GET", "customers/{id}/sources")
def sources(world: World, params: Json, id: str) -> Json:
    """Cards of the old kind, which nobody has any more."""
    return listed([], f"/v1/customers/{id}/sources")
