"""Coupons, and the codes with which customers redeem them."""

import secrets

from portal.standin.errors import Json, invalid, missing_param
from portal.standin.money import currency_of
from portal.standin.params import integer, merged_metadata, optional_integer, required, truth
from portal.standin.routes import readable, route
from portal.standin.world import World


@route("POST", "coupons", "CouponCreateParams")
def create_coupon(world: World, params: Json) -> Json:
    percent, amount = params.get("percent_off"), params.get("amount_off")
    if not percent and not amount:
        raise missing_param("percent_off")
    duration = params.get("duration") or "once"
    if duration not in ("once", "repeating", "forever"):
        raise invalid("Invalid duration: must be one of forever, once, or repeating", "duration")
    if percent and not 0 < float(percent) <= 100:
        raise invalid("Invalid percent_off: must be greater than 0 and at most 100", "percent_off")
    coupon = world.create(
        "coupon",
        "",
        id=params.get("id") or secrets.token_hex(4).upper(),
        metadata=params.get("metadata"),
        amount_off=integer(params, "amount_off") if amount else None,
        currency=currency_of(params) if amount else None,
        duration=duration,
        duration_in_months=integer(params, "duration_in_months") if duration == "repeating" else None,
        max_redemptions=optional_integer(params, "max_redemptions"),
        name=params.get("name") or None,
        percent_off=float(percent) if percent else None,
        redeem_by=optional_integer(params, "redeem_by"),
        times_redeemed=0,
        valid=True,
    )
    return world.emit("coupon.created", coupon)


@route("POST", "coupons/{id}", "CouponModifyParams")
def modify_coupon(world: World, params: Json, id: str) -> Json:
    coupon = world.get("coupon", id)
    if "name" in params:
        coupon["name"] = params["name"] or None
    if "metadata" in params:
        coupon["metadata"] = merged_metadata(coupon["metadata"], params["metadata"])
    return world.emit("coupon.updated", coupon)


@route("DELETE", "coupons/{id}")
def delete_coupon(world: World, params: Json, id: str) -> Json:
    """Discounts that were given stay: they look the coupon up among the deleted ones."""
    coupon = world.get("coupon", id)
    world.private(id)["deleted"] = coupon
    world.store.remove("coupon", id)
    world.emit("coupon.deleted", coupon)
    return {"id": id, "object": "coupon", "deleted": True}


readable("coupons", "coupon", "CouponListParams")


@route("POST", "promotion_codes", "PromotionCodeCreateParams")
def create_code(world: World, params: Json) -> Json:
    promotion = required(params, "promotion")
    coupon = world.get("coupon", required(promotion, "coupon"), "promotion[coupon]")
    code = (params.get("code") or secrets.token_hex(4)).upper()
    if any(one["active"] and one["code"].upper() == code for one in world.store.look("promotion_code")):
        raise invalid("An active promotion code with `code: " + code + "` already exists.", "code")
    if params.get("customer"):
        world.get("customer", params["customer"], "customer")
    restrictions = params.get("restrictions") or {}
    made = world.create(
        "promotion_code",
        "promo_",
        metadata=params.get("metadata"),
        active=truth(params.get("active", "true")),
        code=params.get("code") or code,
        customer=params.get("customer") or None,
        expires_at=optional_integer(params, "expires_at"),
        max_redemptions=optional_integer(params, "max_redemptions"),
        promotion={"type": "coupon", "coupon": coupon["id"]},
        restrictions={
            "first_time_transaction": truth(restrictions.get("first_time_transaction")),
            "minimum_amount": optional_integer(restrictions, "minimum_amount"),
            "minimum_amount_currency": restrictions.get("minimum_amount_currency") or None,
        },
        times_redeemed=0,
    )
    return world.emit("promotion_code.created", made)


@route("POST", "promotion_codes/{id}", "PromotionCodeModifyParams")
def modify_code(world: World, params: Json, id: str) -> Json:
    code = world.get("promotion_code", id)
    if "active" in params:
        code["active"] = truth(params["active"])
    if "metadata" in params:
        code["metadata"] = merged_metadata(code["metadata"], params["metadata"])
    return world.emit("promotion_code.updated", code)


def _codes_where(code: Json, asked: Json) -> bool:
    wanted, coupon = asked.pop("code", None), asked.pop("coupon", None)
    return (wanted is None or code["code"].upper() == wanted.upper()) and (
        coupon is None or code["promotion"]["coupon"] == coupon
    )


readable("promotion_codes", "promotion_code", "PromotionCodeListParams", _codes_where)
