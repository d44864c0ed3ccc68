"""Staff write custom invoices, issue them, mark them paid, close and credit them; a GET changes nothing."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.outbox.models import OutboxMessage
from billing.invoices.models import Document, Seller
from billing.invoices.tests.conftest import Issue
from billing.ledger.selectors import balance
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db
NEW = "/admin/invoices/document/custom/"


def url(document: Document, path: str) -> str:
    return f"/admin/invoices/document/{document.pk}/{path}/"


def terms(workspace: Workspace, **more: Any) -> dict[str, Any]:
    """A filled-in form of 200,000 credits at $0.0045 and a fee."""
    return {
        "key": "form-1",
        "workspace": workspace.public_id,
        "currency": "USD",
        "taxed": "added",
        "tax_name": "VAT",
        "tax_percent": "19",
        "net_days": "30",
        "purchase_order": "PO-9",
        "credit_days": "",
        "notes": "",
        "lines-TOTAL_FORMS": "3",
        "lines-INITIAL_FORMS": "0",
        "lines-0-description": "Credits",
        "lines-0-quantity": "200000",
        "lines-0-unit_price": "0.0045",
        "lines-0-credits": "200000",
        "lines-1-description": "Onboarding",
        "lines-1-unit_price": "250",
        "lines-1-percent": "7",
    } | more


def test_a_custom_invoice_from_form_to_receipt(staff: Client, shop: Workspace) -> None:
    page = staff.get(f"{NEW}?workspace={shop.public_id}").content.decode()
    assert shop.public_id in page
    for _ in range(2):  # sent twice, made once
        response = staff.post(NEW, terms(shop))
        assert response.status_code == 302, response.content
    draft = Document.objects.get()
    assert (draft.status, draft.subtotal, draft.tax, draft.credits) == ("draft", 115_000, 18_850, 200_000 * NANO)
    assert staff.get(url(draft, "pdf")).content.startswith(b"%PDF")
    shown = staff.get(url(draft, "change")).content.decode()
    assert "$1,338.50" in shown
    assert "Issue and send" in shown
    assert "Mark paid" not in shown

    staff.post(url(draft, "issue"), {"key": "k", "confirmed": "on"})
    draft.refresh_from_db()
    assert draft.status == "open"
    assert "Mark paid" in staff.get(url(draft, "change")).content.decode()
    for _ in range(2):
        staff.post(
            url(draft, "paid"),
            {"key": "p", "on": clock.now().date(), "method": "transfer", "reference": "R-1", "confirmed": "on"},
        )
    draft.refresh_from_db()
    assert (draft.status, draft.payment_method, draft.payment_reference) == ("paid", "transfer", "R-1")
    assert balance(shop.pk).available == 200_000 * NANO
    actions = AuditEntry.objects.filter(action__startswith="invoice.").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["invoice.drafted", "invoice.issued", "invoice.paid"]


def test_a_draft_is_changed_and_discarded(staff: Client, custom: Issue, shop: Workspace) -> None:
    draft = custom(issue=False)
    page = staff.get(url(draft, "draft")).content.decode()
    assert 'value="0.0045"' in page
    assert 'value="200000"' in page
    changed = terms(shop, **{"lines-0-quantity": "100000", "taxed": "reversed", "lines-1-percent": ""})
    assert staff.post(url(draft, "draft"), changed).status_code == 302
    draft.refresh_from_db()
    assert (draft.subtotal, draft.tax, draft.reverse_charge) == (70_000, 0, True)
    assert staff.post(url(draft, "discard"), {"key": "d", "confirmed": "on"}).status_code == 302
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"workspace": "ws_nobody"}, "There is no workspace with this id."),
        ({"lines-0-unit_price": ""}, "Say what one costs."),
        ({"lines-0-description": ""}, "Say what it is for."),
        ({"lines-0-unit_price": "-1"}, "greater than or equal to 0"),
        ({"currency": "DOLLAR"}, "valid value"),
        ({"tax_percent": "101"}, "less than or equal to 100"),
        (
            {
                "lines-0-description": "",
                "lines-0-unit_price": "",
                "lines-0-credits": "",
                "lines-1-description": "",
                "lines-1-unit_price": "",
            },
            "at least one line",
        ),
    ],
)
def test_what_makes_no_sense_is_said(staff: Client, shop: Workspace, wrong: dict[str, str], said: str) -> None:
    response = staff.post(NEW, terms(shop) | wrong)
    assert response.status_code == 200
    assert said in response.content.decode()
    assert not Document.objects.exists()


def test_closing_and_crediting(staff: Client, custom: Issue, shop: Workspace) -> None:
    void, credited = custom("a"), custom("b")
    closing = {"key": "v", "status": "void", "reason": "wrong customer", "confirmed": "on"}
    assert staff.post(url(void, "close"), closing).status_code == 302
    void.refresh_from_db()
    assert void.status == "void"
    again = staff.post(
        url(void, "paid"), {"key": "x", "on": clock.now().date(), "method": "transfer", "confirmed": "on"}
    )
    assert b"nothing is owed for it" in again.content

    crediting = {"key": "c", "amount": "107.10", "credits": "20000", "reason": "a tenth", "confirmed": "on"}
    for _ in range(2):
        assert staff.post(url(credited, "credit"), crediting).status_code == 302
    note = Document.objects.get(kind="credit_note")
    assert (note.total, note.credits, note.reason) == (10_710, 20_000 * NANO, "a tenth")
    too_much = staff.post(url(credited, "credit"), crediting | {"key": "d", "amount": "963.91"})
    assert b"at most $963.90" in too_much.content
    broken = staff.post(url(credited, "credit"), crediting | {"key": "e", "amount": "0.005"})
    assert b"USD has no such fractions." in broken.content


def test_a_payment_is_not_of_tomorrow(staff: Client, custom: Issue) -> None:
    tomorrow = clock.now().date() + timedelta(days=1)
    sent = {"key": "p", "on": tomorrow, "method": "transfer", "confirmed": "on"}
    assert b"Choose today or an earlier day." in staff.post(url(custom(), "paid"), sent).content


def test_a_copy_is_sent(staff: Client, custom: Issue) -> None:
    invoice = custom()
    assert staff.post(url(invoice, "send"), {"key": "s", "to": "cfo@example.com"}).status_code == 302
    assert OutboxMessage.objects.get(kind="invoice.copy").to == ["cfo@example.com"]


@pytest.mark.parametrize("path", ["issue", "discard", "paid", "close", "credit", "send", "draft", "pdf", "change"])
def test_looking_changes_nothing(staff: Client, custom: Issue, path: str) -> None:
    draft = custom(issue=False)
    before = Document.objects.values().get()
    assert staff.get(url(draft, path)).status_code == 200
    assert Document.objects.values().get() == before


@pytest.mark.parametrize("path", ["issue", "paid", "close", "credit", "send", "draft"])
def test_who_may_only_look_cannot_act(custom: Issue, charlie: User, path: str) -> None:
    invoice = custom(issue=path != "issue")
    charlie.is_staff = True
    charlie.save()
    charlie.user_permissions.add(Permission.objects.get(codename="view_document"))
    client = client_of(charlie)
    assert client.get(url(invoice, "change")).status_code == 200
    assert client.get(url(invoice, "pdf")).status_code == 200
    assert client.post(url(invoice, path), {"key": "k", "confirmed": "on"}).status_code == 403
    assert client.post(NEW, {}).status_code == 403
    invoice.refresh_from_db()
    assert invoice.status == ("draft" if path == "issue" else "open")


def test_without_confirmation_nothing_happens(staff: Client, custom: Issue) -> None:
    draft = custom(issue=False)
    assert staff.post(url(draft, "issue"), {"key": "k"}).status_code == 200
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_lists_filter(staff: Client, custom: Issue, pack: Issue) -> None:
    pack()
    custom()
    changelist = reverse("admin:invoices_document_changelist")
    for query, count in (("", 2), ("?status__exact=open", 1), ("?overdue=yes", 0), ("?q=PO-77", 1)):
        page = staff.get(changelist + query).content.decode()
        assert len(set(re.findall(r"INV-\d{4}-\d{6}", page))) == count, query


def test_the_seller_is_saved_and_audited(staff: Client, sold: None) -> None:
    address = reverse("admin:invoices_seller_change", args=[1])
    assert staff.get(reverse("admin:invoices_seller_changelist"), follow=True).status_code == 200
    given = {
        "legal_name": "New GmbH",
        "address": "Street 1",
        "country": "DE",
        "invoice_prefix": "RE",
        "credit_note_prefix": "GS",
        "net_days": "14",
        "tax_name": "MwSt.",
        "tax_percent": "19",
    }
    assert staff.post(address, given).status_code == 302
    assert Seller.objects.get().invoice_prefix == "RE"
    assert AuditEntry.objects.filter(action="seller.updated").order_by("-pk")[0].after["legal_name"] == "New GmbH"
    for wrong, words in (
        ({"invoice_prefix": "re nr"}, "Letters, digits and dashes only"),
        ({"invoice_prefix": "GS"}, "Credit notes need another one"),
        ({"tax_percent": "120"}, "From 0 to 100"),
    ):
        response = staff.post(address, given | wrong)
        assert response.status_code == 200
        assert words in response.content.decode()
        assert Seller.objects.get().invoice_prefix == "RE"


def test_from_the_workspaces_page_to_its_new_invoice(staff: Client, shop: Workspace) -> None:
    response = staff.get(f"/admin/accounts/workspace/{shop.pk}/invoice/")
    assert response.status_code == 302
    assert response["Location"].endswith(f"?workspace={shop.public_id}")
