"""Invoices: made from lines, finalised, paid or not."""

from portal.standin.billing.lines import Draft, summed
from portal.standin.errors import ApiError, CardError, Json, invalid
from portal.standin.money import least
from portal.standin.resources.customers import tax_ids_of
from portal.standin.resources.payment_intents import cancel, confirm, new_intent
from portal.standin.world import World, listed

# A failed charge of an invoice is tried again so many days after the one before; then the subscription is cancelled.
RETRIES = (3, 5, 7)
NO_METHOD = (
    "This customer has no attached payment source or default payment method. Please consider adding a default payment"
    " method."
)


def new_invoice(
    world: World,
    customer: Json,
    currency: str,
    *,
    reason: str = "manual",
    subscription: Json | None = None,
    period: tuple[int, int] | None = None,
    days_until_due: int | None = None,
    params: Json | None = None,
) -> Json:
    """A draft without lines."""
    given = params or {}
    now = world.now()
    start, end = period or (now, now)
    sending = (subscription or given).get("collection_method") == "send_invoice"
    return world.create(
        "invoice",
        "in_",
        metadata=given.get("metadata"),
        account_country="US",
        account_name="Simulated payments",
        account_tax_ids=None,
        amount_due=0,
        amount_overpaid=0,
        amount_paid=0,
        amount_remaining=0,
        amount_shipping=0,
        application=None,
        attempt_count=0,
        attempted=False,
        auto_advance=reason != "manual",
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
        automatically_finalizes_at=None,
        billing_reason=reason,
        collection_method="send_invoice" if sending else "charge_automatically",
        currency=currency,
        custom_fields=given.get("custom_fields") or None,
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        customer_shipping=customer["shipping"],
        customer_tax_exempt=customer["tax_exempt"],
        customer_tax_ids=tax_ids_of(world, customer["id"]),
        default_payment_method=given.get("default_payment_method") or None,
        default_source=None,
        default_tax_rates=[],
        description=given.get("description") or None,
        discounts=[],
        due_date=now + days_until_due * 86400 if sending and days_until_due is not None else None,
        effective_at=None,
        ending_balance=None,
        footer=given.get("footer") or None,
        from_invoice=None,
        hosted_invoice_url=None,
        invoice_pdf=None,
        issuer={"type": "self"},
        last_finalization_error=None,
        latest_revision=None,
        lines=listed([], ""),
        next_payment_attempt=None,
        number=None,
        on_behalf_of=None,
        parent=_parent(subscription),
        payment_settings={"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        period_end=end,
        period_start=start,
        post_payment_credit_notes_amount=0,
        pre_payment_credit_notes_amount=0,
        receipt_number=None,
        rendering=None,
        shipping_cost=None,
        shipping_details=None,
        starting_balance=customer["balance"],
        statement_descriptor=None,
        status="draft",
        status_transitions={"finalized_at": None, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None},
        subtotal=0,
        subtotal_excluding_tax=0,
        test_clock=None,
        total=0,
        total_discount_amounts=[],
        total_excluding_tax=0,
        total_pretax_credit_amounts=[],
        total_taxes=[],
        webhooks_delivered_at=None,
    )


def _parent(subscription: Json | None) -> Json | None:
    if subscription is None:
        return None
    details = {
        "metadata": subscription["metadata"],
        "subscription": subscription["id"],
        "subscription_proration_date": None,
    }
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def fill(world: World, invoice: Json, drafts: list[Draft], discounts: list[str]) -> Json:
    """Give a draft its lines and totals."""
    result = summed(world, drafts, discounts, invoice["currency"], invoice["id"])
    invoice |= {
        "lines": listed(result.lines, f"/v1/invoices/{invoice['id']}/lines"),
        "discounts": discounts,
        "subtotal": result.subtotal,
        "subtotal_excluding_tax": result.subtotal_excluding_tax,
        "total": result.total,
        "total_excluding_tax": result.excluding_tax,
        "total_discount_amounts": result.discounts,
        "total_taxes": result.taxes,
    }
    due = due_of(invoice)
    invoice |= {"amount_due": due, "amount_remaining": due}
    return invoice


def due_of(invoice: Json) -> int:
    """What has to be paid: the total with the customer's balance; too little to charge waits there for later."""
    due: int = max(0, invoice["total"] + (invoice["starting_balance"] if invoice["total"] > 0 else 0))
    return due if due >= least(invoice["currency"]) else 0


def finalize(world: World, invoice: Json) -> Json:
    """Number it and open it; what needs no payment is paid at once."""
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.", "invoice")
    customer = world.get("customer", invoice["customer"])
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] += 1
    invoice["starting_balance"] = customer["balance"]
    due = due_of(invoice)
    customer["balance"] += invoice["total"] - due
    now = world.now()
    invoice |= {
        "amount_due": due,
        "amount_remaining": due,
        "effective_at": now,
        "ending_balance": customer["balance"],
        "hosted_invoice_url": world.page("invoices", invoice["id"]),
        "invoice_pdf": world.page("invoices", invoice["id"], "pdf"),
        "number": f"{customer['invoice_prefix']}-{sequence:04d}",
        "status": "open",
    }
    invoice["status_transitions"]["finalized_at"] = now
    customer["currency"] = customer["currency"] or invoice["currency"]
    world.emit("invoice.finalized", invoice)
    if due == 0:
        _paid(world, invoice)
    return invoice


def collect(
    world: World, invoice: Json, *, method: str | None = None, on_session: bool = False, authenticated: bool = False
) -> Json:
    """Charge an open invoice. Raises CardError when declined; it then stays open and says when it is tried again."""
    _check_open(invoice)
    chosen = method or method_for(world, invoice)
    if chosen is None:
        raise invalid(NO_METHOD, None, "resource_missing")
    intent = intent_of(world, invoice)
    if intent["status"] != "requires_action":
        intent["payment_method"] = chosen
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    try:
        confirm(
            world,
            intent,
            off_session=not on_session,
            authenticated=authenticated,
            return_url=invoice["hosted_invoice_url"],
        )
    except CardError:
        _retry_later(world, invoice)
        world.emit("invoice.payment_failed", invoice)
        if intent["last_payment_error"]["code"] == "authentication_required":
            world.emit("invoice.payment_action_required", invoice)
        raise
    if intent["status"] == "requires_action":
        world.emit("invoice.payment_action_required", invoice)
        return invoice
    return mark_paid(world, invoice, intent)


def _check_open(invoice: Json) -> None:
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", None, "invoice_already_paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise invalid(f"This invoice has the status {invoice['status']} and cannot be paid.")


def method_for(world: World, invoice: Json) -> str | None:
    """The invoice's own method, else the subscription's, else the customer's default."""
    subscription = subscription_of(world, invoice)
    customer = world.get("customer", invoice["customer"])
    found: str | None = (
        invoice["default_payment_method"]
        or (subscription or {}).get("default_payment_method")
        or customer["invoice_settings"]["default_payment_method"]
    )
    return found


def subscription_of(world: World, invoice: Json) -> Json | None:
    parent = invoice["parent"]
    return world.store.get("subscription", parent["subscription_details"]["subscription"]) if parent else None


def intent_of(world: World, invoice: Json) -> Json:
    """The one payment with which this invoice is or will be paid."""
    for payment in world.store.look("invoice_payment"):
        if payment["invoice"] == invoice["id"] and payment["status"] == "open":
            return world.get("payment_intent", payment["payment"]["payment_intent"])
    customer, currency = invoice["customer"], invoice["currency"]
    given = {"description": f"Invoice {invoice['number']}", "metadata": {}}
    intent = new_intent(world, invoice["amount_remaining"], currency, customer=customer, params=given)
    world.create(
        "invoice_payment",
        "inpay_",
        metadata=False,
        amount_paid=None,
        amount_requested=invoice["amount_remaining"],
        currency=currency,
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )
    return intent


def mark_paid(world: World, invoice: Json, intent: Json) -> Json:
    """A payment has succeeded."""
    for payment in world.find("invoice_payment", invoice=invoice["id"], status="open"):
        payment |= {"status": "paid", "amount_paid": intent["amount_received"]}
        payment["status_transitions"]["paid_at"] = world.now()
        world.emit("invoice_payment.paid", payment)
    invoice |= {"amount_paid": invoice["amount_due"], "amount_remaining": 0}
    return _paid(world, invoice)


def paid_otherwise(world: World, invoice: Json) -> Json:
    """The operator got the money elsewhere."""
    _check_open(invoice)
    _cancel_payments(world, invoice)
    invoice |= {
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "amount_paid_off_stripe": invoice["amount_due"],
    }
    return _paid(world, invoice)


def _paid(world: World, invoice: Json) -> Json:
    from portal.standin.billing.subscriptions import invoice_paid

    invoice |= {"status": "paid", "attempted": True, "next_payment_attempt": None}
    invoice["status_transitions"]["paid_at"] = world.now()
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    invoice_paid(world, invoice)
    return invoice


def _retry_later(world: World, invoice: Json) -> None:
    attempts = invoice["attempt_count"]
    again = invoice["auto_advance"] and invoice["billing_reason"] not in ("subscription_create", "manual")
    if again and attempts <= len(RETRIES):
        invoice["next_payment_attempt"] = world.now() + RETRIES[attempts - 1] * 86400
    else:
        invoice["next_payment_attempt"] = None


def close(world: World, invoice: Json, status: str) -> Json:
    """`void` or `uncollectible`."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise invalid(f"You can only pass in open invoices. This invoice isn't open: {invoice['status']}.", "invoice")
    if status == "void":
        _cancel_payments(world, invoice)
        invoice["amount_remaining"] = 0
    invoice |= {"status": status, "next_payment_attempt": None}
    when = "voided_at" if status == "void" else "marked_uncollectible_at"
    invoice["status_transitions"][when] = world.now()
    if status == "void":
        _forget_update(world, invoice)
    return world.emit("invoice.voided" if status == "void" else "invoice.marked_uncollectible", invoice)


def _forget_update(world: World, invoice: Json) -> None:
    """Without the invoice, the update that waited for its payment is off."""
    from portal.standin.billing.changes import drop_pending

    subscription = subscription_of(world, invoice)
    if subscription is None or not subscription["pending_update"]:
        return
    if world.private(subscription["id"])["pending_update"]["invoice"] == invoice["id"]:
        drop_pending(world, subscription)


def _cancel_payments(world: World, invoice: Json) -> None:
    for payment in world.find("invoice_payment", invoice=invoice["id"], status="open"):
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = world.now()
        cancel(world, world.get("payment_intent", payment["payment"]["payment_intent"]), "void_invoice")


def payments_of(world: World, invoice: Json) -> Json:
    found = world.find("invoice_payment", invoice=invoice["id"])
    return listed(found, "/v1/invoice_payments")


def attempt(world: World, invoice: Json) -> ApiError | None:
    """`collect` without anybody present to hear of it: returns the refusal."""
    if method_for(world, invoice) is None:
        invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
        _retry_later(world, invoice)
        world.emit("invoice.payment_failed", invoice)
        return invalid(NO_METHOD, None, "resource_missing")
    try:
        collect(world, invoice)
    except CardError as error:
        return error
    return None
