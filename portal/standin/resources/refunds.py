"""Refunds: all or part of a charge, at once."""

from portal.standin.errors import Json, invalid
from portal.standin.listing import page_of
from portal.standin.money import shown
from portal.standin.params import integer, merged_metadata
from portal.standin.resources.balance import book
from portal.standin.routes import readable, route
from portal.standin.world import World

REASONS = {None, "duplicate", "fraudulent", "requested_by_customer"}


def new_refund(world: World, params: Json) -> Json:
    """Raises charge_already_refunded, charge_disputed, or refuses more than is left."""
    charge = _charge(world, params)
    currency = charge["currency"]
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = integer(params, "amount", left)
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} has not been paid and cannot be refunded.", "charge")
    if _dispute_forbids(world, charge):
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", None, "charge_disputed")
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", None, "charge_already_refunded")
    if amount < 1:
        raise invalid("This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer")
    if amount > left:
        raise invalid(
            f"Refund amount ({shown(amount, currency)}) is greater than unrefunded amount on charge"
            f" ({shown(left, currency)})",
            "amount",
        )
    if params.get("reason") not in REASONS:
        raise invalid("Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer", "reason")
    refund = world.create(
        "refund",
        "re_",
        livemode=False,
        metadata=params.get("metadata"),
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=currency,
        destination_details={
            "type": "card",
            "card": {"type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number"},
        },
        payment_intent=charge["payment_intent"],
        reason=params.get("reason"),
        receipt_number=None,
        source_transfer_reversal=None,
        status="succeeded",
        transfer_reversal=None,
    )
    entry = book(world, -amount, currency, refund["id"], "refund", words="REFUND FOR CHARGE")
    refund["balance_transaction"] = entry["id"]
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge, previous=before)
    return refund


def _charge(world: World, params: Json) -> Json:
    if params.get("charge"):
        return world.get("charge", params["charge"], "charge")
    if not params.get("payment_intent"):
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    intent = world.get("payment_intent", params["payment_intent"], "payment_intent")
    if intent["status"] != "succeeded":
        raise invalid(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.", "payment_intent"
        )
    return world.get("charge", intent["latest_charge"])


def _dispute_forbids(world: World, charge: Json) -> bool:
    return any(
        dispute["charge"] == charge["id"] and dispute["status"] != "won" for dispute in world.store.look("dispute")
    )


def fail_refund(world: World, refund: Json) -> Json:
    """The bank sends it back: the money returns to the balance."""
    charge = world.get("charge", refund["charge"])
    if refund["status"] != "succeeded":
        raise invalid(f"Refund {refund['id']} has the status {refund['status']}.")
    entry = book(world, refund["amount"], refund["currency"], refund["id"], "refund_failure")
    refund |= {
        "status": "failed",
        "failure_balance_transaction": entry["id"],
        "failure_reason": "expired_or_canceled_card",
    }
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    world.emit("charge.updated", charge)
    world.emit("refund.updated", refund)
    return world.emit("refund.failed", refund)


@route("POST", "refunds", "RefundCreateParams")
def create(world: World, params: Json) -> Json:
    return new_refund(world, params)


@route("POST", "refunds/{id}", "RefundModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    refund = world.get("refund", id)
    refund["metadata"] = merged_metadata(refund["metadata"], params.get("metadata"))
    return world.emit("refund.updated", refund)


@route("GET", "charges/{id}/refunds", "ChargeListRefundsParams")
def of_charge(world: World, params: Json, id: str) -> Json:
    world.get("charge", id)
    return page_of(world.find("refund", charge=id), params, f"/v1/charges/{id}/refunds")


readable("refunds", "refund", "RefundListParams")
