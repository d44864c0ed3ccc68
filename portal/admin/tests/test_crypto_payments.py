"""Payments in USDC that need a decision: credited or closed by a form, once, with a reason."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.invoices.models import Document
from billing.ledger.selectors import balance
from billing.packs.x402.models import CryptoPayment
from billing.packs.x402.tests.rows import in_review
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return client_of(User.objects.get(pk=alice.pk))


def decide(staff: Client, payment: CryptoPayment, what: str, key: str = "form") -> str:
    url = reverse(f"admin:packs_cryptopayment_{what}", args=[payment.pk])
    values = {"key": key, "reason": "Signed a message with that wallet", "confirmed": "on"}
    return staff.post(url, values, follow=True).content.decode()


def test_credited_once_with_an_invoice(staff: Client, workspace: Workspace) -> None:
    payment = in_review(workspace)
    shown = staff.get(reverse("admin:packs_cryptopayment_change", args=[payment.pk])).content.decode()
    assert "Credit it" in shown
    assert staff.get(reverse("admin:packs_cryptopayment_accept", args=[payment.pk])).status_code == 200
    assert balance(workspace.pk).available == 0, "looking changes nothing"
    assert "1,000 credited to Northwind AI" in decide(staff, payment, "accept")
    decide(staff, payment, "accept")
    decide(staff, payment, "give_up", key="other")
    payment.refresh_from_db()
    assert (payment.state, payment.decided_by) == ("credited", "alice@example.com")
    assert balance(workspace.pk).available == 1_000 * NANO
    assert Document.objects.get().total == 500
    entry = AuditEntry.objects.get(action="crypto_payment.credited")
    assert (entry.actor_label, entry.reason) == ("alice@example.com", "Signed a message with that wallet")
    assert "Credit it" not in staff.get(reverse("admin:packs_cryptopayment_change", args=[payment.pk])).content.decode()


def test_who_decides_sees_what_the_transaction_has_brought_before(staff: Client, workspace: Workspace) -> None:
    first, second = in_review(workspace), in_review(workspace, nonce="2")
    url = reverse("admin:packs_cryptopayment_accept", args=[second.pk])
    assert "Credited for this transaction before" not in staff.get(url).content.decode()
    decide(staff, first, "accept")
    shown = staff.get(url).content.decode()
    assert "Credited for this transaction before" in shown
    assert f"{first.public_id}: $5.00 from {first.payer}" in shown


def test_closed_without_credits(staff: Client, workspace: Workspace) -> None:
    payment = in_review(workspace)
    assert "nothing was credited" in decide(staff, payment, "give_up")
    decide(staff, payment, "accept", key="later")
    payment.refresh_from_db()
    assert (payment.state, balance(workspace.pk).available) == ("closed", 0)
    assert AuditEntry.objects.filter(action="crypto_payment.closed").count() == 1
    assert not Document.objects.exists()


def test_not_everybody_may(alice: User, workspace: Workspace) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    client = client_of(User.objects.get(pk=alice.pk))
    payment = in_review(workspace)
    for what in ("accept", "give_up"):
        url = reverse(f"admin:packs_cryptopayment_{what}", args=[payment.pk])
        assert client.post(url, {"key": "k", "reason": "r", "confirmed": "on"}).status_code == 403
    payment.refresh_from_db()
    assert payment.state == "review"
