"""What is sold, and for how much."""

from decimal import Decimal, InvalidOperation
from typing import Any

from portal.standin.errors import Json, invalid, not_simulated
from portal.standin.money import currency_of
from portal.standin.params import integer, merged_metadata, optional_integer, required, truth
from portal.standin.routes import readable, route
from portal.standin.world import World

INTERVALS = {"day", "week", "month", "year"}


def new_product(world: World, params: Json) -> Json:
    product = world.create(
        "product",
        "prod_",
        id=params.get("id"),
        metadata=params.get("metadata"),
        active=truth(params.get("active", "true")),
        default_price=None,
        description=params.get("description") or None,
        images=params.get("images") or [],
        marketing_features=params.get("marketing_features") or [],
        name=required(params, "name"),
        package_dimensions=None,
        shippable=None,
        statement_descriptor=params.get("statement_descriptor") or None,
        tax_code=params.get("tax_code") or None,
        type="service",
        unit_label=params.get("unit_label") or None,
        updated=world.now(),
        url=params.get("url") or None,
    )
    world.emit("product.created", product)
    if params.get("default_price_data"):
        price = new_price(world, {**params["default_price_data"], "product": product["id"]})
        product["default_price"] = price["id"]
    return product


@route("POST", "products", "ProductCreateParams")
def create_product(world: World, params: Json) -> Json:
    return new_product(world, params)


@route("POST", "products/{id}", "ProductModifyParams")
def modify_product(world: World, params: Json, id: str) -> Json:
    product = world.get("product", id)
    for name in ("description", "name", "statement_descriptor", "tax_code", "unit_label", "url", "default_price"):
        if name in params:
            product[name] = params[name] or None
    if "active" in params:
        product["active"] = truth(params["active"])
    if "images" in params:
        product["images"] = params["images"] or []
    if "metadata" in params:
        product["metadata"] = merged_metadata(product["metadata"], params["metadata"])
    product["updated"] = world.now()
    return world.emit("product.updated", product)


@route("DELETE", "products/{id}")
def delete_product(world: World, params: Json, id: str) -> Json:
    product = world.get("product", id)
    if any(price["product"] == id for price in world.store.look("price")):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.")
    world.store.remove("product", id)
    world.emit("product.deleted", product)
    return {"id": id, "object": "product", "deleted": True}


@route("GET", "products/{id}/features")
def features(world: World, params: Json, id: str) -> Json:
    return {"object": "list", "data": [], "has_more": False, "url": f"/v1/products/{id}/features"}


def _products_where(product: Json, asked: Json) -> bool:
    ids = asked.pop("ids", None)
    return ids is None or product["id"] in ids


readable("products", "product", "ProductListParams", _products_where)


def new_price(world: World, params: Json) -> Json:
    """From the parameters of a price, or from `price_data` of a line."""
    if params.get("tiers") or params.get("billing_scheme") == "tiered" or params.get("custom_unit_amount"):
        raise not_simulated("tiers and amounts chosen by the customer")
    product = params.get("product")
    if product:
        world.get("product", product, "product")
    else:
        product = new_product(world, required(params, "product_data"))["id"]
    decimal = _unit_amount(params)
    recurring = params.get("recurring")
    price = world.create(
        "price",
        "price_",
        metadata=params.get("metadata"),
        active=truth(params.get("active", "true")),
        billing_scheme="per_unit",
        currency=currency_of(params),
        custom_unit_amount=None,
        lookup_key=params.get("lookup_key") or None,
        nickname=params.get("nickname") or None,
        product=product,
        recurring=_recurring(recurring) if recurring else None,
        tax_behavior=params.get("tax_behavior") or "unspecified",
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=int(decimal) if decimal == int(decimal) else None,
        unit_amount_decimal=f"{decimal.normalize():f}",
    )
    _take_lookup_key(world, price, params)
    return world.emit("price.created", price)


def _unit_amount(params: Json) -> Decimal:
    text = params.get("unit_amount_decimal") or params.get("unit_amount")
    if text in (None, ""):
        raise invalid(
            "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.",
            "unit_amount",
            "parameter_missing",
        )
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        raise invalid(f"Invalid decimal: {text}", "unit_amount_decimal") from None
    if amount < 0:
        raise invalid("This value must be greater than or equal to 0.", "unit_amount", "parameter_invalid_integer")
    return amount


def _recurring(given: Json) -> Json:
    if required(given, "interval") not in INTERVALS:
        raise invalid("Invalid recurring[interval]: must be one of day, month, week, or year", "recurring[interval]")
    if given.get("usage_type") == "metered":
        raise not_simulated("metered prices", "recurring[usage_type]")
    return {
        "interval": given["interval"],
        "interval_count": integer(given, "interval_count", 1),
        "meter": None,
        "trial_period_days": optional_integer(given, "trial_period_days"),
        "usage_type": "licensed",
    }


def _take_lookup_key(world: World, price: Json, params: Json) -> None:
    key = params.get("lookup_key")
    for other in world.find("price", lookup_key=key) if key else []:
        if other["id"] == price["id"]:
            continue
        if not truth(params.get("transfer_lookup_key")):
            raise invalid(f"A price (`{other['id']}`) already uses that lookup key.", "lookup_key")
        other["lookup_key"] = None


@route("POST", "prices", "PriceCreateParams")
def create_price(world: World, params: Json) -> Json:
    return new_price(world, params)


@route("POST", "prices/{id}", "PriceModifyParams")
def modify_price(world: World, params: Json, id: str) -> Json:
    price = world.get("price", id)
    _take_lookup_key(world, price, params)
    for name in ("nickname", "lookup_key", "tax_behavior"):
        if name in params:
            price[name] = params[name] or None
    if "active" in params:
        price["active"] = truth(params["active"])
    if "metadata" in params:
        price["metadata"] = merged_metadata(price["metadata"], params["metadata"])
    return world.emit("price.updated", price)


def _prices_where(price: Json, asked: Json) -> bool:
    keys: Any = asked.pop("lookup_keys", None)
    interval = (asked.pop("recurring", None) or {}).get("interval")
    return (keys is None or price["lookup_key"] in keys) and (
        interval is None or (price["recurring"] or {}).get("interval") == interval
    )


readable("prices", "price", "PriceListParams", _prices_where)
