"""Invoices that no subscription makes, their payment, and credit notes."""

import base64
from collections.abc import Callable

import pytest
import stripe

from portal.testing.simulated import SimulatedStripe

Card = Callable[[str], stripe.PaymentMethod]
Price = Callable[..., stripe.Price]


def invoice(customer: stripe.Customer, *amounts: int, **more: object) -> stripe.Invoice:
    made = stripe.Invoice.create(customer=customer.id, **more)  # type: ignore[arg-type]
    for amount in amounts:
        stripe.InvoiceItem.create(
            customer=customer.id, invoice=made.id, amount=amount, currency="usd", description=f"Work {amount}"
        )
    return stripe.Invoice.retrieve(str(made.id))


def test_an_invoice_is_drafted_numbered_and_paid(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card
) -> None:
    card("pm_card_visa")
    draft = invoice(customer, 1500, 500, description="March")
    assert (draft.status, draft.total, draft.number) == ("draft", 2000, None)
    opened = stripe.Invoice.finalize_invoice(str(draft.id))
    assert (opened.status, str(opened.number)[-5:]) == ("open", "-0001")
    assert str(opened.hosted_invoice_url).endswith(f"/simulated-stripe/invoices/{draft.id}/")
    paid = stripe.Invoice.pay(str(draft.id), expand=["payments"])
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 2000, 0)
    (payment,) = stripe.InvoicePayment.list(invoice=str(draft.id)).data
    assert payment.payment.payment_intent
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Invoice.pay(str(draft.id))
    told = [kind for kind in simulated.kinds() if kind.startswith("invoice.")]
    assert told == ["invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"]


def test_a_declined_invoice_stays_open(simulated: SimulatedStripe, customer: stripe.Customer, card: Card) -> None:
    card("pm_card_chargeCustomerFail")
    draft = invoice(customer, 1500)
    with pytest.raises(stripe.CardError):
        stripe.Invoice.pay(str(draft.id))
    still = stripe.Invoice.retrieve(str(draft.id))
    assert (still.status, still.attempt_count, still.amount_remaining) == ("open", 1, 1500)
    assert stripe.Invoice.pay(str(draft.id), paid_out_of_band=True).status == "paid"
    assert simulated.books()["totals"] == {}


def test_pending_items_go_onto_the_next_invoice(
    simulated: SimulatedStripe, customer: stripe.Customer, price: Price
) -> None:
    waiting = stripe.InvoiceItem.create(customer=customer.id, pricing={"price": price(700, name="Hour").id}, quantity=3)
    stripe.InvoiceItem.modify(waiting.id, description="Three hours")
    preview = stripe.Invoice.create_preview(customer=customer.id)
    assert (preview.total, preview.lines.data[0].description) == (2100, "Three hours")
    made = stripe.Invoice.create(customer=customer.id, pending_invoice_items_behavior="include")
    assert made.total == 2100
    assert len(stripe.Invoice.list_lines(str(made.id)).data) == 1
    assert stripe.Invoice.delete(str(made.id)).deleted
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Invoice.create_preview(customer=customer.id)


def test_an_invoice_by_mail(simulated: SimulatedStripe, customer: stripe.Customer) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        stripe.Invoice.create(customer=customer.id, collection_method="send_invoice")
    draft = invoice(customer, 9000, collection_method="send_invoice", days_until_due=30)
    sent = stripe.Invoice.send_invoice(str(draft.id))
    assert (sent.status, sent.due_date) == ("open", sent.created + 30 * 86400)
    answer = simulated.client.post(f"_hosted/invoices/{draft.id}/pay", number="4000000000000002")
    assert answer == {"error": "Your card was declined."}
    answer = simulated.client.post(f"_hosted/invoices/{draft.id}/pay", number="4000002760003184")
    key = answer["redirect"].rstrip("/").rpartition("/")[2]
    simulated.client.post(f"_hosted/authentication/{key}", approve=True)
    assert stripe.Invoice.retrieve(str(draft.id)).status == "paid"


def test_voided_and_uncollectible(customer: stripe.Customer) -> None:
    for act, status in ((stripe.Invoice.void_invoice, "void"), (stripe.Invoice.mark_uncollectible, "uncollectible")):
        made = invoice(customer, 800)
        with pytest.raises(stripe.InvalidRequestError):
            act(str(made.id))
        stripe.Invoice.finalize_invoice(str(made.id))
        assert act(str(made.id)).status == status


def test_too_little_to_charge_waits_in_the_customers_balance(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card
) -> None:
    card("pm_card_visa")
    small = stripe.Invoice.finalize_invoice(str(invoice(customer, 30).id))
    assert (small.status, small.amount_due, small.ending_balance) == ("paid", 0, 30)
    next_one = stripe.Invoice.pay(str(invoice(customer, 1000).id))
    assert (next_one.total, next_one.amount_paid, next_one.ending_balance) == (1000, 1030, 0)
    assert simulated.books()["totals"]["usd"]["charge"] == 1030


def test_what_is_owed_to_the_customer_pays_first(
    simulated: SimulatedStripe, customer: stripe.Customer, card: Card
) -> None:
    card("pm_card_visa")
    credit = stripe.Invoice.finalize_invoice(str(invoice(customer, -700).id))
    assert (credit.status, credit.ending_balance) == ("paid", -700)
    assert stripe.Invoice.pay(str(invoice(customer, 1000, 500).id)).amount_paid == 800


def test_credit_notes(simulated: SimulatedStripe, customer: stripe.Customer, card: Card) -> None:
    card("pm_card_visa")
    paid = stripe.Invoice.pay(str(invoice(customer, 2000, 1000).id))
    with pytest.raises(stripe.InvalidRequestError, match="must equal"):
        stripe.CreditNote.create(invoice=str(paid.id), amount=500)
    line = paid.lines.data[0].id
    note = stripe.CreditNote.create(
        invoice=str(paid.id),
        lines=[{"type": "invoice_line_item", "invoice_line_item": line, "amount": 400}],
        refund_amount=400,
        reason="duplicate",
        memo="sorry",
    )
    assert (note.amount, note.type, note.number) == (400, "post_payment", f"{paid.number}-CN-01")
    assert stripe.Refund.retrieve(str(note.refunds[0].refund)).amount == 400
    stripe.CreditNote.create(invoice=str(paid.id), amount=600, out_of_band_amount=600)
    with pytest.raises(stripe.InvalidRequestError, match="exceed"):
        stripe.CreditNote.create(invoice=str(paid.id), amount=2001, out_of_band_amount=2001)
    assert stripe.Invoice.retrieve(str(paid.id)).post_payment_credit_notes_amount == 1000
    opened = stripe.Invoice.finalize_invoice(str(invoice(customer, 2000).id))
    note = stripe.CreditNote.create(invoice=str(opened.id), amount=500)
    assert stripe.Invoice.retrieve(str(opened.id)).amount_remaining == 1500
    assert stripe.CreditNote.void_credit_note(note.id).status == "void"
    assert stripe.Invoice.retrieve(str(opened.id)).amount_remaining == 2000
    assert len(stripe.CreditNote.list(invoice=str(paid.id)).data) == 2


def test_previews_of_what_is_not_there_yet(simulated: SimulatedStripe, customer: stripe.Customer, price: Price) -> None:
    plan = price(2000, "month")
    preview = stripe.Invoice.create_preview(
        customer=customer.id, subscription_details={"items": [{"price": plan.id, "quantity": 2}]}
    )
    assert (preview.total, preview.status, preview.id[:9]) == (4000, "draft", "upcoming_")
    loose = stripe.Invoice.create_preview(
        customer=customer.id, invoice_items=[{"amount": 250, "currency": "usd", "description": "Extra"}]
    )
    assert loose.total == 250
    assert stripe.Invoice.list().data == []
    assert stripe.Subscription.list(status="all").data == []
    assert simulated.kinds() == ["customer.created", "product.created", "price.created"]


def test_the_pdf_is_one(simulated: SimulatedStripe, customer: stripe.Customer) -> None:
    made = stripe.Invoice.finalize_invoice(str(invoice(customer, 2000).id))
    file = base64.b64decode(simulated.client.get(f"_hosted/invoices/{made.id}/pdf")["pdf"])
    assert file.startswith(b"%PDF-1.4")
    assert str(made.number).encode() in file
    assert b"SIMULATED" in file
