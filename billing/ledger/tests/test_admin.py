"""Staff see the ledger and cannot change it."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.credits.units import NANO
from billing.ledger.models import Lot, Operation, Transfer, Wallet
from billing.ledger.tests.helpers import grant, spend

MODELS = ("wallet", "operation", "transfer", "lot")


@pytest.fixture
def staff(client: Client, ws: int) -> Client:
    grant(ws, 1_250 * NANO)
    spend(ws, 63_000_001)
    client.force_login(User.objects.create_superuser("root@example.com", "correct horse 0"))
    return client


def test_every_list_shows_credits_as_people_read_them(staff: Client) -> None:
    for model in MODELS:
        page = staff.get(reverse(f"admin:ledger_{model}_changelist"), {"q": "Northwind"})
        assert page.status_code == 200
    text = staff.get(reverse("admin:ledger_wallet_changelist")).content.decode()
    assert "1,249.936999999" in text
    assert "0.063000001" in staff.get(reverse("admin:ledger_transfer_changelist")).content.decode()


def test_one_row_opens_with_what_belongs_to_it(staff: Client) -> None:
    transfer = Transfer.objects.get(kind="usage.spend")
    text = staff.get(reverse("admin:ledger_transfer_change", args=[transfer.pk])).content.decode()
    assert bytes(transfer.digest).hex() in text
    assert "0.063000001" in text
    text = staff.get(reverse("admin:ledger_operation_change", args=[transfer.operation_id])).content.decode()
    assert "usage.spend" in text
    for row in (Wallet.objects.get(), Lot.objects.get(), Operation.objects.first()):
        assert row is not None
        url = reverse(f"admin:ledger_{row._meta.model_name}_change", args=[row.pk])
        assert staff.get(url).status_code == 200


def test_nothing_can_be_added_changed_or_deleted(staff: Client) -> None:
    for model, row in zip(MODELS, (Wallet, Operation, Transfer, Lot), strict=True):
        pk = row._default_manager.order_by("pk").values_list("pk", flat=True)[0]
        assert staff.post(reverse(f"admin:ledger_{model}_add")).status_code == 403
        assert staff.post(reverse(f"admin:ledger_{model}_change", args=[pk]), {"amount": 1}).status_code == 403
        assert staff.post(reverse(f"admin:ledger_{model}_delete", args=[pk]), {"post": "yes"}).status_code == 403
