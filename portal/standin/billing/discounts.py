"""Coupons in use."""

from decimal import Decimal
from typing import Any

from portal.standin.billing.calendar import months_later
from portal.standin.errors import Json, invalid
from portal.standin.money import rounded, shown
from portal.standin.world import World, new_id


def redeem(
    world: World, given: Any, *, customer: str | None, amount: int, currency: str, **belongs: str | None
) -> list[str]:
    """Discounts from `[{"coupon": …}, {"promotion_code": …}, {"discount": …}]`; returns their ids."""
    return [_redeem(world, one, customer, amount, currency, belongs) for one in given or []]


def _redeem(
    world: World, one: Json, customer: str | None, amount: int, currency: str, belongs: dict[str, str | None]
) -> str:
    if one.get("discount"):
        kept: str = world.get("discount", one["discount"], "discounts")["id"]
        return kept
    code = None
    if one.get("promotion_code"):
        code = world.get("promotion_code", one["promotion_code"], "promotion_code")
        _check_code(world, code, customer, amount, currency)
    coupon = world.get("coupon", code["promotion"]["coupon"] if code else one.get("coupon"), "coupon")
    _check_coupon(world, coupon, currency)
    count_use(world, one)
    now = world.now()
    months = coupon["duration_in_months"]
    key = new_id("di_")
    world.store.add(
        "discount",
        key,
        {
            "id": key,
            "object": "discount",
            "checkout_session": None,
            "customer": customer,
            "end": months_later(now, months) if months else None,
            "invoice": None,
            "invoice_item": None,
            "promotion_code": code["id"] if code else None,
            "source": {"type": "coupon", "coupon": coupon["id"]},
            "start": now,
            "subscription": None,
            "subscription_item": None,
        }
        | belongs,
    )
    return key


def count_use(world: World, one: Json) -> None:
    """A coupon or promotion code was used."""
    code = world.get("promotion_code", one["promotion_code"]) if one.get("promotion_code") else None
    coupon = world.get("coupon", code["promotion"]["coupon"] if code else one["coupon"])
    for used in (coupon, code) if code else (coupon,):
        used["times_redeemed"] += 1


def _check_coupon(world: World, coupon: Json, currency: str) -> None:
    most, until = coupon["max_redemptions"], coupon["redeem_by"]
    if (most is not None and coupon["times_redeemed"] >= most) or (until is not None and until < world.now()):
        coupon["valid"] = False
        raise invalid(f"Coupon {coupon['id']} is expired and cannot be applied.", "coupon", "coupon_expired")
    if coupon["currency"] not in (None, currency):
        raise invalid(f"The coupon's currency ({coupon['currency']}) is not {currency}.", "coupon")


def _check_code(world: World, code: Json, customer: str | None, amount: int, currency: str) -> None:
    limits = code["restrictions"]
    gone = code["expires_at"] is not None and code["expires_at"] < world.now()
    used_up = code["max_redemptions"] is not None and code["times_redeemed"] >= code["max_redemptions"]
    if not code["active"] or gone or used_up:
        raise invalid("This promotion code is no longer valid.", "promotion_code", "promotion_code_expired")
    if code["customer"] not in (None, customer):
        raise invalid("This promotion code cannot be redeemed by this customer.", "promotion_code")
    least = limits["minimum_amount"]
    if least is not None and (amount < least or limits["minimum_amount_currency"] != currency):
        raise invalid(
            f"This promotion code needs at least {shown(least, limits['minimum_amount_currency'] or currency)}.",
            "promotion_code",
        )
    if limits["first_time_transaction"] and customer and _has_paid(world, customer):
        raise invalid("This promotion code is for first purchases only.", "promotion_code")


def _has_paid(world: World, customer: str) -> bool:
    return any(one["customer"] == customer and one["paid"] for one in world.store.look("charge"))


def coupon_of(world: World, discount: str) -> Json:
    """Also of a coupon that was deleted since."""
    key = world.get("discount", discount)["source"]["coupon"]
    found: Json = world.store.get("coupon", key) or world.private(key)["deleted"]
    return found


def in_force(world: World, discounts: list[str]) -> list[str]:
    now = world.now()
    return [one for one in discounts if (end := world.get("discount", one)["end"]) is None or end > now]


def lasting(world: World, discounts: list[str]) -> list[str]:
    """Those that are left after an invoice has used them."""
    return [one for one in discounts if coupon_of(world, one)["duration"] != "once"]


def taken_off(world: World, discounts: list[str], amount: int) -> list[tuple[str, int]]:
    """What each takes off `amount`, one after the other, never below nothing."""
    taken = []
    for one in discounts:
        coupon = coupon_of(world, one)
        percent = coupon["percent_off"]
        off = rounded(Decimal(amount) * Decimal(str(percent)) / 100) if percent else coupon["amount_off"]
        off = max(0, min(off, amount))
        amount -= off
        taken.append((one, off))
    return taken
