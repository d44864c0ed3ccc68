"""A seller, a customer, and documents made by the services."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.credits.units import NANO
from billing.invoices.custom import Terms, custom_draft_create, custom_issue
from billing.invoices.issue import invoice_issue
from billing.invoices.models import Document
from billing.invoices.money import LineInput, Tax
from billing.invoices.profiles import profile_save
from billing.invoices.seller import seller_update
from billing.invoices.writing import Payment
from portal.testing.fixtures import client_of, person

VAT = Tax("VAT", Decimal(19))
PAID = Payment(datetime(2026, 3, 3, 12, tzinfo=UTC), "card", "pi_1")
BANK = "IBAN DE02 1203 0000 0000 2020 51\nBIC BYLADEM1001"

Issue = Callable[..., Document]


def line(description: str = "Growth pack", unit_amount: Any = 10_000, **more: Any) -> LineInput:
    return LineInput(description, unit_amount, **more)


@pytest.fixture
def staff_user(db: None) -> User:
    user = person("sam@operator.example", "correct horse 9", "Sam Staff")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    user.refresh_from_db()
    return user


@pytest.fixture
def staff(staff_user: User) -> Client:
    return client_of(staff_user)


@pytest.fixture
def sold(staff_user: User) -> None:
    """What the operator prints on documents."""
    seller_update(
        changes={
            "legal_name": "Purser Operations GmbH",
            "address": "Hafenstraße 7\n20457 Hamburg",
            "country": "DE",
            "tax_id": "DE123456789",
            "email": "billing@operator.example",
            "bank_details": BANK,
            "footer": "Registered in Hamburg, HRB 12345",
        },
        actor=staff_user,
    )


@pytest.fixture
def shop(workspace: Workspace, alice: User, sold: None) -> Workspace:
    profile_save(
        workspace=workspace,
        values={
            "legal_name": "Żółć & Söhne SE",
            "address": "ul. Łódzka 1\n00-001 Warszawa",
            "country": "PL",
            "tax_id_type": "eu_vat",
            "tax_id": "PL1234567890",
        },
        by=alice,
    )
    return workspace


@pytest.fixture
def pack(shop: Workspace) -> Issue:
    """`pack("k", …)`: the paid invoice of a pack of 5,000 credits for $100 and VAT."""

    def make(key: str = "pack", **more: Any) -> Document:
        given = {"lines": [line(credits=5_000 * NANO)], "tax": VAT, "paid": PAID} | more
        return invoice_issue(key=key, workspace=shop, purpose="pack", **given).document

    return make


@pytest.fixture
def custom(shop: Workspace, staff_user: User) -> Issue:
    """`custom("k", …)`: an issued custom invoice of 200,000 credits at $0.0045, to be paid by transfer."""

    def make(key: str = "custom", *, issue: bool = True, **more: Any) -> Document:
        lines = [line("Credits", Decimal("0.45"), quantity=200_000, credits=200_000 * NANO)]
        given = {"lines": lines, "tax": VAT, "net_days": 14, "purchase_order": "PO-77"} | more
        draft = custom_draft_create(key=key, workspace=shop, terms=Terms(**given), actor=staff_user)
        return custom_issue(document=draft, actor=staff_user) if issue else draft

    return make
