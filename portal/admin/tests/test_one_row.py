"""Settings of which there is one row: looking at them makes none, the first save does."""

from typing import Any

import pytest
from django.db import models
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.foundation.cache import clear_all
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import site
from billing.invoices.models import Seller
from billing.packs.models import PaymentPolicy
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db
CHANGES: list[tuple[type[models.Model], dict[str, Any]]] = [
    (SiteSettings, {"credit_name": "voice token"}),
    (Seller, {"legal_name": "Purser Ltd"}),
    (PaymentPolicy, {"top_ups_per_hour": 7}),
]


@pytest.fixture
def client(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return client_of(User.objects.get(pk=alice.pk))


@pytest.fixture(autouse=True)
def without_rows(db: None) -> None:
    for model, _ in CHANGES:
        assert not model._default_manager.exists()
    clear_all()


@pytest.mark.parametrize(("model", "change"), CHANGES)
def test_looking_makes_no_row_and_saving_does(client: Client, model: type[models.Model], change: Any) -> None:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert client.get(reverse(f"{name}_changelist"))["Location"] == reverse(f"{name}_change", args=[1])
    page = client.get(reverse(f"{name}_change", args=[1]))
    assert page.status_code == 200
    assert not model._default_manager.exists()
    initial = {field.name: field.value() for field in page.context["adminform"].form}
    given = {key: value for key, value in initial.items() if value is not None and value is not False}
    answer = client.post(reverse(f"{name}_change", args=[1]), {**given, **change})
    assert answer.status_code == 302, answer.context and answer.context["adminform"].form.errors
    (row,) = model._default_manager.all()
    assert {key: getattr(row, key) for key in change} == change
    assert client.get(reverse(f"{name}_change", args=[2])).status_code == 302  # there is no other


def test_pages_of_a_new_installation_write_no_settings(client: Client) -> None:
    assert client.get("/pricing").status_code == 200
    assert client.get("/workspaces").status_code == 200
    assert (site().product_name, site().credit_name_plural) == ("Purser", "credits")
    assert not SiteSettings.objects.exists()
