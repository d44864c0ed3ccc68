"""The pages of documents: work, refuse other methods, hide from strangers, refuse lesser roles."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from accounts.tests.quartet import asks_to_sign_in, hides_from_strangers, page, refuses_other_methods, refuses_role
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.invoices.issue import credit_note_issue, invoice_issue
from billing.invoices.mirror import StripeDocument, StripeLine, stripe_invoice_mirror
from billing.invoices.models import BillingProfile, Document
from billing.invoices.tests.conftest import PAID, Issue, line
from billing.invoices.views import PER_PAGE

pytestmark = pytest.mark.django_db


def test_the_list_has_every_document(shop: Workspace, pack: Issue, custom: Issue, alice_client: Client) -> None:
    invoice = pack()
    note = credit_note_issue(key="c", invoice=invoice, amount=1_190, reason="x").document
    open_one, draft = custom("a"), custom("b", issue=False)
    text = alice_client.get(page(shop, "invoices")).content.decode()
    for part in (
        invoice.number,
        note.number,
        open_one.number,
        "$119.00",
        "−$11.90",
        "Credit pack",
        "5,000",
        "Open",
        "Paid",
    ):
        assert str(part) in text, part
    assert str(draft.public_id) not in text
    assert text.count("<tr>") == 4
    only_notes = alice_client.get(page(shop, "invoices?kind=credit_note")).content.decode()
    assert str(note.number) in only_notes
    assert str(open_one.number) not in only_notes
    this_year = alice_client.get(page(shop, f"invoices?year={clock.now().year}&kind=")).content.decode()
    assert this_year.count("<tr>") == 4


@pytest.mark.parametrize("query", ["year=1999", "year=x", "kind=draft", "cursor=x"])
def test_what_the_list_has_not(shop: Workspace, pack: Issue, alice_client: Client, query: str) -> None:
    pack()
    assert alice_client.get(page(shop, f"invoices?{query}")).status_code == 404


def test_long_lists_have_pages(shop: Workspace, pack: Issue, alice_client: Client) -> None:
    for number in range(PER_PAGE + 2):
        pack(f"k{number}", tell=False)
    first = alice_client.get(page(shop, "invoices"))
    assert first.content.count(b"<tr>") == PER_PAGE + 1
    assert b"Older" in first.content
    cursor = first.context["cursor"]
    second = alice_client.get(page(shop, f"invoices?cursor={cursor}"))
    assert second.content.count(b"<tr>") == 3
    assert b"Back to the latest" in second.content


def test_without_documents_it_says_what_will_be_here(workspace: Workspace, alice_client: Client) -> None:
    text = alice_client.get(page(workspace, "invoices")).content.decode()
    assert "No invoices yet" in text
    assert "Add your billing details" in text


def test_a_document_reads_like_the_paper(shop: Workspace, custom: Issue, pack: Issue, alice_client: Client) -> None:
    invoice = custom()
    text = alice_client.get(page(shop, f"invoices/{invoice.number}")).content.decode()
    for part in (
        *("Credits", "200,000", "$0.0045", "VAT 19 % on $900.00", "$171.00", "$1,071.00", "To be paid", "PO-77"),
        *("Żółć &amp; Söhne SE", "Purser Operations GmbH", "How to pay", "IBAN DE02", "when it is paid"),
    ):
        assert part in text, part
    paid = pack()
    note = credit_note_issue(key="c", invoice=paid, amount=1_190, reason="Refunded").document
    text = alice_client.get(page(shop, f"invoices/{paid.number}")).content.decode()
    assert "$119.00 paid on 3 March 2026 by card (reference pi_1)" in text
    assert str(note.number) in text
    assert "How to pay" not in text
    text = alice_client.get(page(shop, f"invoices/{note.public_id}")).content.decode()
    assert "Its invoice" in text
    assert str(paid.number) in text


def test_the_pdf_is_shown_in_the_browser(shop: Workspace, pack: Issue, alice_client: Client) -> None:
    invoice = pack()
    response = alice_client.get(page(shop, f"invoices/{invoice.number}.pdf"))
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"] == f'inline; filename="{invoice.number}.pdf"'
    assert response.content.startswith(b"%PDF-")


def stripe(workspace: Workspace, **more: Any) -> Document:
    given: dict[str, Any] = {
        "stripe_id": "in_1",
        "number": "ABCD-0001",
        "as_of": datetime(2026, 2, 1, tzinfo=UTC),
        "status": "open",
        "currency": "USD",
        "subtotal": 2_900,
        "total": 2_900,
        "issued_at": datetime(2026, 1, 2, tzinfo=UTC),
        "lines": [StripeLine("Pro plan", 2_900)],
        "hosted_url": "https://stripe.example/in_1",
        "pdf_url": "https://stripe.example/in_1.pdf",
    }
    return stripe_invoice_mirror(workspace=workspace, document=StripeDocument(**(given | more)))


def test_stripes_documents_lead_to_stripe(shop: Workspace, alice_client: Client) -> None:
    stripe(shop)
    text = alice_client.get(page(shop, "invoices/ABCD-0001")).content.decode()
    assert "https://stripe.example/in_1" in text
    assert "$29.00 to be paid" in text
    assert "Pro plan" in text
    response = alice_client.get(page(shop, "invoices/ABCD-0001.pdf"))
    assert (response.status_code, response["Location"]) == (302, "https://stripe.example/in_1.pdf")
    assert "Subscription" in alice_client.get(page(shop, "invoices")).content.decode()


def test_billing_details_are_saved_and_stand_on_the_next_document(
    shop: Workspace, alice_client: Client, pack: Issue
) -> None:
    url = page(shop, "billing")
    assert b"Sent at present to alice@example.com" in alice_client.get(url).content
    given = {
        "legal_name": "Northwind AI Ltd",
        "address": "1 Dock Road\nLondon",
        "country": "GB",
        "tax_id_type": "gb_vat",
        "tax_id": "GB123456789",
        "email": "books@northwind.example",
        "purchase_order": "PO-1",
    }
    assert alice_client.post(url, given).status_code == 302
    assert pack().customer["name"] == "Northwind AI Ltd"
    entry = AuditEntry.objects.filter(action="billing_profile.changed").order_by("-pk")[0]
    assert entry.after["country"] == "GB"
    assert b"books@northwind.example" in alice_client.get(url).content
    assert alice_client.post(url, given).status_code == 302
    assert AuditEntry.objects.filter(action="billing_profile.changed").count() == 2  # nothing changed: no entry


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tax_id": "PL1"}, "Say what kind of number this is."),
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"country": "XX"}, "Select a valid choice."),
        ({"legal_name": "x" * 201}, "at most 200 characters"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(
    workspace: Workspace, alice_client: Client, given: dict[str, str], said: str
) -> None:
    response = alice_client.post(page(workspace, "billing"), given)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not BillingProfile.objects.exists()


@pytest.fixture(params=["invoices", "invoices/{number}", "invoices/{number}.pdf", "billing"])
def kept(request: pytest.FixtureRequest, shop: Workspace, pack: Issue) -> str:
    path: str = request.param
    return page(shop, path.format(number=pack().number))


def test_only_for_those_who_manage_billing(
    kept: str, alice_client: Client, bob: User, bob_client: Client, charlie_client: Client
) -> None:
    for role in (Role.VIEWER, Role.MEMBER):
        Membership.objects.filter(user=bob).update(role=role)
        refuses_role(bob_client, kept)
    Membership.objects.filter(user=bob).update(role=Role.BILLING)
    assert bob_client.get(kept).status_code == 200
    hides_from_strangers(charlie_client, kept)
    asks_to_sign_in(kept)
    refuses_other_methods(alice_client, kept, "get", *(["post"] if kept.endswith("billing") else []))


def test_documents_of_others_are_hidden(shop: Workspace, alice_client: Client) -> None:
    other = Workspace.objects.create(name="Other")
    theirs = invoice_issue(key="o", workspace=other, purpose="pack", lines=[line()], paid=PAID).document
    for name in (theirs.number, f"{theirs.number}.pdf", theirs.public_id, "nothing"):
        assert alice_client.get(page(shop, f"invoices/{name}")).status_code == 404


def test_the_sidebar_leads_there_who_may_go(shop: Workspace, alice_client: Client, bob_client: Client) -> None:
    link = f'href="{page(shop, "invoices")}"'
    assert link in alice_client.get(page(shop, "usage")).content.decode()
    assert link not in bob_client.get(page(shop, "usage")).content.decode()
