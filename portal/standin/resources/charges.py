"""Charges: what a payment attempt left behind."""

from portal.standin.errors import Json
from portal.standin.money import fee_of
from portal.standin.params import merged_metadata
from portal.standin.resources.balance import book
from portal.standin.routes import readable, route
from portal.standin.world import World


def new_charge(
    world: World, intent: Json, method: Json, *, code: str = "", decline: str = "", message: str = ""
) -> Json:
    """The charge of an attempt; one with a `code` was declined and moved nothing."""
    paid = not code
    amount, currency = intent["amount"], intent["currency"]
    charge = world.create(
        "charge",
        "ch_",
        metadata=intent["metadata"],
        amount=amount,
        amount_captured=amount if paid else 0,
        amount_refunded=0,
        application=None,
        application_fee=None,
        application_fee_amount=None,
        balance_transaction=None,
        billing_details=method["billing_details"],
        calculated_statement_descriptor="SIMULATED",
        captured=paid,
        currency=currency,
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_balance_transaction=None,
        failure_code=code or None,
        failure_message=message or None,
        fraud_details={},
        on_behalf_of=None,
        outcome={
            "network_status": "approved_by_network" if paid else "declined_by_network",
            "reason": decline or None,
            "risk_level": "normal",
            "risk_score": 20,
            "seller_message": "Payment complete." if paid else message,
            "type": "authorized" if paid else "issuer_declined",
        },
        paid=paid,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": "card", "card": _card_details(method, amount)},
        receipt_email=intent["receipt_email"],
        receipt_number=None,
        receipt_url=None,
        refunded=False,
        review=None,
        shipping=intent["shipping"],
        source=None,
        source_transfer=None,
        statement_descriptor=intent["statement_descriptor"],
        statement_descriptor_suffix=intent["statement_descriptor_suffix"],
        status="succeeded" if paid else "failed",
        transfer_data=None,
        transfer_group=None,
    )
    if paid:
        entry = book(world, amount, currency, charge["id"], "charge", fee=fee_of(amount), words=intent["description"])
        charge["balance_transaction"] = entry["id"]
    intent["latest_charge"] = charge["id"]
    return world.emit("charge.succeeded" if paid else "charge.failed", charge)


def _card_details(method: Json, amount: int) -> Json:
    card = method["card"]
    shared = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {name: card[name] for name in shared} | {
        "amount_authorized": amount,
        "installments": None,
        "mandate": None,
        "network": card["brand"],
        "three_d_secure": None,
    }


@route("POST", "charges/{id}", "ChargeModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    charge = world.get("charge", id)
    for name in ("description", "receipt_email"):
        if name in params:
            charge[name] = params[name] or None
    if "metadata" in params:
        charge["metadata"] = merged_metadata(charge["metadata"], params["metadata"])
    return world.emit("charge.updated", charge)


readable("charges", "charge", "ChargeListParams")
