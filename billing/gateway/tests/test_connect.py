"""The endpoint at Stripe and its row, and what must not be set together."""

import uuid
from io import StringIO

import pytest
import stripe
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from djstripe.models import WebhookEndpoint
from djstripe.signals import WEBHOOK_SIGNALS

from billing.gateway.checks import check_payments
from billing.gateway.endpoint import EVENTS, connect, endpoint_url, endpoint_uuid, is_connected
from billing.gateway.errors import NotConnected
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db


def test_every_event_is_one_that_djstripe_knows() -> None:
    assert set(EVENTS) <= set(WEBHOOK_SIGNALS)
    assert list(EVENTS) == sorted(set(EVENTS))


def test_connecting_twice_makes_one_endpoint(simulated: SimulatedStripe) -> None:
    assert not is_connected()
    assert connect().made
    assert not connect().made
    stripe.WebhookEndpoint.modify(
        stripe.WebhookEndpoint.list().data[0].id, enabled_events=["charge.failed"], disabled=True
    )
    assert not connect().made
    (theirs,) = stripe.WebhookEndpoint.list().data
    row = WebhookEndpoint.objects.get()
    assert (row.id, row.url, row.djstripe_uuid) == (theirs.id, endpoint_url(), endpoint_uuid())
    assert row.secret.startswith("whsec_")
    assert (theirs.status, sorted(theirs.enabled_events)) == ("enabled", list(EVENTS))
    assert theirs.api_version == "2026-05-27.dahlia"
    assert is_connected()


def test_another_address_follows(simulated: SimulatedStripe, settings: LazySettings) -> None:
    settings.STRIPE_WEBHOOK_BASE = "https://one.example"
    connect()
    settings.STRIPE_WEBHOOK_BASE = "https://two.example"
    assert not is_connected()
    connect()
    assert {one.url for one in stripe.WebhookEndpoint.list().data} >= {endpoint_url()}


def test_a_lost_database_or_a_lost_stand_in_is_connected_anew(simulated: SimulatedStripe) -> None:
    connect()
    first = WebhookEndpoint.objects.get()
    WebhookEndpoint.objects.all().delete()
    assert connect().made
    second = WebhookEndpoint.objects.get()
    assert (second.id != first.id, second.secret != first.secret) == (True, True)
    stripe.WebhookEndpoint.delete(second.id)
    assert connect().made
    assert WebhookEndpoint.objects.count() == 1
    assert len(stripe.WebhookEndpoint.list().data) == 1


def test_an_endpoint_made_by_hand(simulated: SimulatedStripe, settings: LazySettings) -> None:
    settings.STRIPE_WEBHOOK_SECRET = "whsec_" + "h" * 32
    with pytest.raises(NotConnected, match="make it in the dashboard"):
        connect()
    stripe.WebhookEndpoint.create(url=endpoint_url(), enabled_events=["*"])
    assert connect().by_hand
    row = WebhookEndpoint.objects.get()
    assert (row.secret, row.djstripe_uuid) == ("whsec_" + "h" * 32, endpoint_uuid())


def test_the_command(simulated: SimulatedStripe, settings: LazySettings) -> None:
    told = StringIO()
    call_command("stripe_connect", stdout=told, skip_checks=True)
    assert told.getvalue() == f"Webhook endpoint made: {endpoint_url()}\n"
    settings.STRIPE_SECRET_KEY = "sk_test_short"
    with pytest.raises(CommandError, match="does not take the key"):
        call_command("stripe_connect", skip_checks=True)
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(CommandError, match="STRIPE_SECRET_KEY"):
        call_command("stripe_connect", skip_checks=True)


LIVE = "sk_live_" + "a" * 24


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({}, []),
        ({"STRIPE_SECRET_KEY": "nonsense"}, ["purser.E001"]),
        ({"STRIPE_SECRET_KEY": LIVE, "STRIPE_LIVE_MODE": True, "DEMO": False}, ["purser.E002", "purser.E005"]),
        (
            {"STRIPE_SECRET_KEY": LIVE, "STRIPE_LIVE_MODE": True, "DEMO": False, "STRIPE_API_HOST": ""},
            [],
        ),
        (
            {"STRIPE_SECRET_KEY": LIVE, "STRIPE_LIVE_MODE": True, "DEBUG": True, "STRIPE_API_HOST": "", "DEMO": False},
            ["purser.E003"],
        ),
        ({"STRIPE_SECRET_KEY": LIVE, "STRIPE_LIVE_MODE": True, "STRIPE_API_HOST": "", "DEMO": True}, ["purser.E004"]),
        ({"DEMO": False}, ["purser.E005"]),
        ({"STRIPE_SECRET_KEY": "", "STRIPE_API_HOST": "", "DEMO": False}, []),
    ],
)
def test_what_must_not_be_set_together(settings: LazySettings, given: dict[str, object], ids: list[str]) -> None:
    settings.DEMO = True
    for name, value in given.items():
        setattr(settings, name, value)
    assert [error.id for error in check_payments()] == ids


def test_an_unknown_endpoint_is_a_404_and_no_signature_a_400(client: object) -> None:
    path = f"/stripe/webhook/{uuid.uuid4()}/"
    post = client.post  # type: ignore[attr-defined]
    assert post(path, "{}", content_type="application/json").status_code == 400
    signed = post(path, "{}", content_type="application/json", HTTP_STRIPE_SIGNATURE="t=1,v1=x")
    assert signed.status_code == 404
