"""Credit notes: what is taken off a finalised invoice, refunded if it was paid."""

from portal.standin.errors import Json, invalid
from portal.standin.listing import page_of
from portal.standin.money import share
from portal.standin.params import integer, merged_metadata, optional_integer, required
from portal.standin.resources.refunds import new_refund
from portal.standin.routes import readable, route
from portal.standin.world import World, listed, new_id

REASONS = {None, "duplicate", "fraudulent", "order_change", "product_unsatisfactory"}


@route("POST", "credit_notes", "CreditNoteCreateParams")
def create(world: World, params: Json) -> Json:
    """By `amount`, or by `lines`. For a paid invoice the sum must be refunded, credited or settled elsewhere."""
    invoice = world.get("invoice", required(params, "invoice"), "invoice")
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        raise invalid(f"You cannot create a credit note for a {invoice['status']} invoice.", "invoice")
    if params.get("reason") not in REASONS:
        raise invalid("Invalid reason", "reason")
    lines, amount = _lines(invoice, params)
    used = invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
    left = invoice["total"] - used
    if not 0 < amount <= left:
        raise invalid(
            f"The sum of credit notes ({amount}) must not exceed what is left of the invoice ({left}).", "amount"
        )
    customer = world.get("customer", invoice["customer"])
    number = 1 + sum(note["invoice"] == invoice["id"] for note in world.store.look("credit_note"))
    excluding = share(invoice["total_excluding_tax"], amount, invoice["total"])
    note = world.create(
        "credit_note",
        "cn_",
        metadata=params.get("metadata"),
        amount=amount,
        amount_shipping=0,
        currency=invoice["currency"],
        customer=customer["id"],
        customer_balance_transaction=None,
        discount_amount=0,
        discount_amounts=[],
        effective_at=world.now(),
        invoice=invoice["id"],
        memo=params.get("memo") or None,
        number=f"{invoice['number']}-CN-{number:02d}",
        out_of_band_amount=optional_integer(params, "out_of_band_amount"),
        post_payment_amount=0,
        pre_payment_amount=0,
        pretax_credit_amounts=[],
        reason=params.get("reason"),
        refunds=[],
        shipping_cost=None,
        status="issued",
        subtotal=excluding,
        subtotal_excluding_tax=excluding,
        total=amount,
        total_excluding_tax=excluding,
        total_taxes=[
            tax | {"amount": share(tax["amount"], amount, invoice["total"])} for tax in invoice["total_taxes"]
        ],
        type="post_payment" if invoice["status"] == "paid" else "pre_payment",
        voided_at=None,
    )
    note["pdf"] = world.page("credit-notes", note["id"], "pdf")
    note["lines"] = listed(lines, f"/v1/credit_notes/{note['id']}/lines")
    if invoice["status"] == "paid":
        _after_payment(world, invoice, note, customer, params)
    else:
        note["pre_payment_amount"] = amount
        invoice["pre_payment_credit_notes_amount"] += amount
        invoice["amount_remaining"] = max(0, invoice["amount_remaining"] - amount)
    world.emit("credit_note.created", note)
    world.emit("invoice.updated", invoice)
    return note


def _after_payment(world: World, invoice: Json, note: Json, customer: Json, params: Json) -> None:
    refund, credit = integer(params, "refund_amount", 0), integer(params, "credit_amount", 0)
    elsewhere = integer(params, "out_of_band_amount", 0)
    known = [world.get("refund", one["refund"], "refunds") for one in params.get("refunds") or []]
    if refund + credit + elsewhere + sum(one["amount"] for one in known) != note["amount"]:
        raise invalid(
            "The sum of credit amount, refund amount and out of band amount must equal the credit note amount.",
            "amount",
        )
    if refund:
        payments = world.find("invoice_payment", invoice=invoice["id"], status="paid")
        if not payments:
            raise invalid("The invoice was not paid with a charge that could be refunded.", "refund_amount")
        intent = payments[0]["payment"]["payment_intent"]
        known.append(new_refund(world, {"payment_intent": intent, "amount": str(refund)}))
    note["refunds"] = [
        {"amount_refunded": one["amount"], "payment_record_refund": None, "refund": one["id"], "type": "refund"}
        for one in known
    ]
    customer["balance"] -= credit
    note["post_payment_amount"] = note["amount"]
    invoice["post_payment_credit_notes_amount"] += note["amount"]


def _lines(invoice: Json, params: Json) -> tuple[list[Json], int]:
    if not params.get("lines"):
        amount = integer(params, "amount")
        return [_line("Credit", amount, None, "custom_line_item")], amount
    by_id = {line["id"]: line for line in invoice["lines"]["data"]}
    lines = []
    for given in params["lines"]:
        if given.get("type") == "invoice_line_item":
            line = by_id.get(given.get("invoice_line_item"))
            if line is None:
                raise invalid(
                    f"No such invoice line item: '{given.get('invoice_line_item')}'", "lines", "resource_missing"
                )
            lines.append(
                _line(line["description"], integer(given, "amount", line["amount"]), line["id"], "invoice_line_item")
            )
        else:
            amount = integer(given, "unit_amount") * integer(given, "quantity", 1)
            lines.append(_line(given.get("description") or "Credit", amount, None, "custom_line_item"))
    return lines, sum(line["amount"] for line in lines)


def _line(words: str, amount: int, of: str | None, kind: str) -> Json:
    line = {
        "id": new_id("cnli_"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": words,
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": kind,
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
    return line | ({"invoice_line_item": of} if of else {})


@route("POST", "credit_notes/{id}", "CreditNoteModifyParams")
def modify(world: World, params: Json, id: str) -> Json:
    note = world.get("credit_note", id)
    if "memo" in params:
        note["memo"] = params["memo"] or None
    note["metadata"] = merged_metadata(note["metadata"], params.get("metadata"))
    return world.emit("credit_note.updated", note)


@route("POST", "credit_notes/{id}/void", "CreditNoteVoidCreditNoteParams")
def void(world: World, params: Json, id: str) -> Json:
    note = world.get("credit_note", id)
    if note["status"] != "issued" or note["type"] != "pre_payment":
        raise invalid("Only issued credit notes of open invoices can be voided.")
    invoice = world.get("invoice", note["invoice"])
    invoice["pre_payment_credit_notes_amount"] -= note["amount"]
    invoice["amount_remaining"] += note["amount"]
    note |= {"status": "void", "voided_at": world.now()}
    return world.emit("credit_note.voided", note)


@route("GET", "credit_notes/{id}/lines", "CreditNoteListLinesParams")
def lines(world: World, params: Json, id: str) -> Json:
    return page_of(world.get("credit_note", id)["lines"]["data"], params, f"/v1/credit_notes/{id}/lines")


readable("credit_notes", "credit_note", "CreditNoteListParams")
