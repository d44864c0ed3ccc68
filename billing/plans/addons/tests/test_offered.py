"""Add-ons that can be added from a day on, or until one. Who has one keeps it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.credits import clock
from billing.plans.addons.errors import NoSuchAddOn, QuantityRefused
from billing.plans.addons.selectors import offers
from billing.plans.addons.tests.conftest import START, day, fund, on_plan, put
from billing.plans.models import AddOn, WorkspaceAddOn

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_can_be_added_in_its_time_and_is_kept_after_it(alice: User) -> None:
    workspace = on_plan(alice)
    fund(workspace, 100_000)
    addon = AddOn.objects.create(
        key="beta", name="Beta", monthly_credits=10**9, most=5, concurrency=1,
        starts_at=START + timedelta(days=1), ends_at=START + timedelta(days=3),
    )  # fmt: skip
    with pytest.raises(NoSuchAddOn):
        put(workspace, "beta", 1, at=START)
    put(workspace, "beta", 1, at=START + timedelta(days=1))
    held = WorkspaceAddOn.objects.get(workspace=workspace)
    with pytest.raises(QuantityRefused, match="not on offer any more"):
        put(workspace, "beta", 2, at=START + timedelta(days=3))
    with clock.at(day(2, 20)):
        (offer,) = [each for each in offers(workspace) if each.addon == addon]
    assert (offer.held, offer.most) == (held, 1)


def test_no_time_ends_before_it_begins() -> None:
    with pytest.raises(IntegrityError, match="add_on_ends_after_its_start"), transaction.atomic():
        AddOn.objects.create(key="beta", name="Beta", monthly_credits=1, concurrency=1, starts_at=START, ends_at=START)


def test_staff_see_it_as_a_customer_does() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser(email="root@example.com", password="x"))
    addon = AddOn.objects.order_by("position").first()
    assert addon is not None
    look = client.get(reverse("admin:plans_addon_preview", args=[addon.pk])).content.decode()
    for said in ("As a customer sees it", addon.name, "a month"):
        assert said in look
    assert "<form" not in look
