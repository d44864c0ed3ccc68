"""Disputes: opened by the dispute cards or by the private control; the money goes at once and comes back when won."""

from typing import Any

from portal.standin.errors import Json, invalid
from portal.standin.money import DISPUTE_FEE
from portal.standin.params import merged_metadata, truth
from portal.standin.resources.balance import book
from portal.standin.routes import readable, route
from portal.standin.world import World, pictured

EVIDENCE_DAYS = 9
EVIDENCE = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
]
OPEN = {"needs_response", "under_review"}


def open_dispute(world: World, charge: Json, *, reason: str = "fraudulent", amount: int | None = None) -> Json:
    """The cardholder's bank takes back `amount` (all that was not refunded unless told), and Stripe its fee."""
    most = charge["amount_captured"] - charge["amount_refunded"]
    disputed = most if amount is None else amount
    if charge["disputed"] or charge["status"] != "succeeded" or not 0 < disputed <= most:
        raise invalid(f"Charge {charge['id']} cannot be disputed for {disputed}.", "charge")
    dispute = world.create(
        "dispute",
        "du_",
        metadata=False,
        amount=disputed,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=dict.fromkeys(EVIDENCE) | {"enhanced_evidence": {}},
        evidence_details={
            "due_by": world.now() + EVIDENCE_DAYS * 86400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=False,
        payment_intent=charge["payment_intent"],
        payment_method_details={
            "type": "card",
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "chargeback",
                "network": charge["payment_method_details"]["card"]["brand"],
                "network_reason_code": "10.4",
            },
        },
        reason=reason,
        status="needs_response",
    )
    dispute["metadata"] = {}
    charge["disputed"] = True
    _move(world, dispute, -disputed, fee=DISPUTE_FEE)
    world.emit("charge.dispute.created", dispute)
    return world.emit("charge.dispute.funds_withdrawn", dispute)


def decide(world: World, dispute: Json, outcome: str) -> Json:
    """`won`: the money comes back (the fee does not). `lost`: it stays away."""
    if dispute["status"] not in OPEN:
        raise invalid(f"Dispute {dispute['id']} is already closed as {dispute['status']}.")
    if outcome not in ("won", "lost"):
        raise invalid("outcome must be won or lost", "outcome")
    before = {"status": dispute["status"]}
    dispute["status"] = outcome
    if outcome == "won":
        _move(world, dispute, dispute["amount"])
        world.emit("charge.dispute.funds_reinstated", dispute)
    world.emit("charge.dispute.updated", dispute, previous=before)
    return world.emit("charge.dispute.closed", dispute)


def _move(world: World, dispute: Json, amount: int, *, fee: int = 0) -> None:
    words = f"Chargeback {'withdrawal' if amount < 0 else 'reversal'} for {dispute['charge']}"
    entry = book(world, amount, dispute["currency"], dispute["id"], "adjustment", fee=fee, words=words)
    dispute["balance_transactions"] = [*dispute["balance_transactions"], pictured(entry)]


@route("POST", "disputes/{id}", "DisputeModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    """Evidence with the text `winning_evidence` or `losing_evidence` decides, as in Stripe's test mode."""
    dispute = world.get("dispute", id)
    given: dict[str, Any] = params.get("evidence") or {}
    if given and dispute["status"] not in OPEN:
        raise invalid("This dispute is already closed.", None)
    dispute["evidence"] |= given
    dispute["evidence_details"]["has_evidence"] = any(dispute["evidence"][name] for name in EVIDENCE)
    if "metadata" in params:
        dispute["metadata"] = merged_metadata(dispute["metadata"], params["metadata"])
    if given and truth(params.get("submit", "true")):
        dispute["status"] = "under_review"
        dispute["evidence_details"]["submission_count"] += 1
        world.emit("charge.dispute.updated", dispute)
        outcome = {"winning_evidence": "won", "losing_evidence": "lost"}.get(given.get("uncategorized_text") or "")
        return decide(world, dispute, outcome) if outcome else dispute
    return world.emit("charge.dispute.updated", dispute)


@route("POST", "disputes/{id}/close", "DisputeCloseParams")
def close(world: World, params: Json, id: str) -> Json:
    return decide(world, world.get("dispute", id), "lost")


readable("disputes", "dispute", "DisputeListParams")
