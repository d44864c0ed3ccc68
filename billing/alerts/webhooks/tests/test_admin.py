"""The operator's own endpoints in the admin."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.alerts.webhooks.delivery import deliver
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEndpoint
from billing.alerts.webhooks.tests.conftest import Make, Receiver, emit, secret_of

LIST = "admin:alerts_webhookendpoint_changelist"
ADD = "admin:alerts_webhookendpoint_add"


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    user = User.objects.create_superuser("ops@example.com", "correct horse 9")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def act(staff: Client, action: str, *endpoints: WebhookEndpoint) -> bytes:
    chosen = {"action": action, "_selected_action": [each.pk for each in endpoints]}
    return staff.post(reverse(LIST), chosen, follow=True).content


def test_the_operator_adds_one_that_hears_of_all(
    staff: Client, workspace: Workspace, receiver: Receiver, opened: None
) -> None:
    form = staff.get(reverse(ADD)).content.decode()
    nonce = re.search(r'name="once" value="([^"]+)"', form)
    assert nonce is not None
    sent = {"url": receiver.url, "description": "", "event_types": ["balance.low"], "once": nonce[1]}
    made = staff.post(reverse(ADD), sent)
    endpoint = WebhookEndpoint.objects.get()
    assert made.status_code == 201
    assert "no-store" in made["Cache-Control"]
    assert secret_of(endpoint) in made.content.decode()
    assert staff.post(reverse(ADD), sent).status_code == 302
    assert WebhookEndpoint.objects.count() == 1
    emit(workspace)
    assert deliver() == 1
    shown = staff.get(reverse("admin:alerts_webhookendpoint_change", args=[endpoint.pk])).content.decode()
    assert endpoint.secret not in shown
    delivery = WebhookDelivery.objects.get()
    assert staff.get(reverse("admin:alerts_webhookdelivery_change", args=[delivery.pk])).status_code == 200
    assert b"balance.low" in staff.get(reverse("admin:alerts_webhookdelivery_changelist")).content


def test_an_address_that_is_refused_is_said(staff: Client) -> None:
    response = staff.post(reverse(ADD), {"url": "https://10.0.0.1/", "event_types": ["balance.low"], "once": "n"})
    assert b"It is not a public address." in response.content
    assert WebhookEndpoint.objects.count() == 0


def test_it_is_tested_switched_rotated_and_deleted(staff: Client, endpoint: Make, receiver: Receiver) -> None:
    mine, customers = endpoint(workspace=None), endpoint()
    assert b"2 were sent a test" in act(staff, "test", mine, customers)
    assert deliver() == 2
    assert b"1 were switched off" in act(staff, "switch_off", mine)
    assert b"switch it on first" in act(staff, "test", mine)
    assert b"1 were switched on" in act(staff, "switch_on", mine)
    former = secret_of(mine)
    assert b"A new secret for" in act(staff, "rotate", mine)
    staff.post(reverse("admin:alerts_webhookendpoint_rotate", args=[mine.pk]), {"once": "n2"})
    assert secret_of(mine) != former
    assert b"Customers rotate theirs themselves" in act(staff, "rotate", customers)
    assert staff.get(reverse("admin:alerts_webhookendpoint_rotate", args=[customers.pk])).status_code == 404
    assert b"Customers delete theirs themselves" in act(staff, "delete_operators", mine, customers)
    assert list(WebhookEndpoint.objects.all()) == [customers]


def test_staff_without_the_permission_only_look(staff: Client, endpoint: Make) -> None:
    mine = endpoint(workspace=None)
    User.objects.filter(email="ops@example.com").update(is_superuser=False, is_staff=True)
    assert staff.get(reverse(ADD)).status_code == 403
    assert staff.post(reverse("admin:alerts_webhookendpoint_rotate", args=[mine.pk])).status_code == 403
