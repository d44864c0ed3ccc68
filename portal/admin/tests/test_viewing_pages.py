"""Every page of a customer while staff look at it: nothing is written by reading, and nothing can be sent."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Membership, User, Workspace
from accounts.staff import StaffRole
from billing.alerts.notices.models import Notice
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.invoices.models import Document
from billing.ledger.held import recent_holds
from billing.ledger.models import Lot, Operation, Transfer
from billing.metering.models import UsageEvent
from billing.packs import cards
from billing.packs.models import Purchase
from billing.plans.models import AddOn, SubscriptionChange
from billing.usage.budgets.models import Budget
from portal.demo import access, seed
from portal.demo.story import Scale
from portal.testing.fixtures import client_of, person
from portal.testing.routes import address, workspace_routes
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db
WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|MERGE|TRUNCATE)", re.IGNORECASE)
OF_THE_SESSION = re.compile(r'"(django_session|usersessions_usersession)"')
SETTLED = (200, 204, 286, 302, 304)
PLAIN, BACK, PART = ("", {}), ("?back=1&saved=1", {}), ("", {"HX-Request": "true"})
PAID_AT_CHECKOUT = ("addons:", "packs:", "plans:")


@pytest.fixture
def customer(
    little_around: None, simulated: SimulatedStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Workspace:
    """The demo's main workspace, with a year of everything, and what the demo leaves out."""
    monkeypatch.setattr(access, "HOME", tmp_path)
    settings.DEMO = True
    seed.demo_seed(scale=Scale(days=45, first=1, last=2))
    workspace = Workspace.objects.get(external_id=seed.MAIN)
    now = clock.now()
    Notice.objects.create(
        workspace=workspace, kind="credits.low", audience="billing", title="Low", text="Low", path="", key="n"
    )
    endpoint = WebhookEndpoint.objects.create(
        workspace=workspace, url="https://example.com/hook", event_types=["credits.low"], secret="x"
    )
    event = WebhookEvent.objects.create(workspace=workspace, type="credits.low", key="k", payload="{}", created_at=now)
    WebhookDelivery.objects.create(event=event, endpoint=endpoint, give_up_at=now, next_attempt_at=now, created_at=now)
    assert Budget.objects.filter(workspace=workspace).exists()
    return workspace


@pytest.fixture
def client(customer: Workspace) -> Client:
    user = person("sam@example.com", "correct horse 9", "Sam Support")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.add(Group.objects.get(name=StaffRole.SUPPORT.value))
    client = client_of(User.objects.get(pk=user.pk))
    begin = reverse("admin:accounts_workspace_view_as", args=[customer.pk])
    assert client.post(begin, {"key": "k", "reason": "ticket 7", "confirmed": "on"}).status_code == 302
    return client


def of(workspace: Workspace) -> dict[str, dict[str, object]]:
    """What the addresses of pages name, of this workspace: the pages that can be read."""
    key = {"pk": workspace.api_keys.latest("pk").pk}
    member = {"pk": workspace.memberships.latest("pk").pk}
    slug = {"slug": workspace.projects.latest("pk").slug}
    document = {"name": Document.objects.filter(workspace=workspace).exclude(number="").latest("pk").number}
    purchase = {"purchase_id": Purchase.objects.filter(workspace=workspace).latest("pk").public_id}
    lot = {"pk": Lot.objects.filter(workspace=workspace).latest("pk").pk}
    event = UsageEvent.objects.filter(workspace=workspace, amount__gt=0).latest("pk")
    budget = {"pk": Budget.objects.filter(workspace=workspace).latest("pk").pk}
    delivery = WebhookDelivery.objects.get(endpoint__workspace=workspace)
    endpoint = {"public_id": delivery.endpoint.public_id}
    return {
        "accounts:key": key,
        "accounts:key-revoke": key,
        "accounts:key-rotate": key,
        "accounts:member-remove": member,
        "accounts:project-archive": slug,
        "accounts:project-rename": slug,
        "addons:change": {"addon_key": AddOn.objects.earliest("pk").key},
        "budgets:change": budget,
        "budgets:remove": budget,
        "guide:client": {"name": "purser.py"},
        "invoices:document": document,
        "invoices:pdf": document,
        "notices:notice": {"pk": Notice.objects.filter(workspace=workspace).latest("pk").pk},
        "overview:entry": {"seq": Transfer.objects.filter(workspace=workspace).latest("seq").seq},
        "overview:event": {"pk": event.pk},
        "overview:hold": {"hold_id": recent_holds(workspace.pk)[0].public_id},
        "overview:hour": {"hour": f"{event.booked_at:%Y-%m-%dT%H}"},
        "overview:lot": lot,
        "overview:lot-entries": lot,
        "overview:model": {"ref": "openai/gpt-4o-mini"},
        "packs:auto-top-up-pay": purchase,
        "packs:method-remove": {"method_id": cards.cards_shown(workspace)[0].id},
        "packs:purchase": purchase,
        "plans:change": {"change_id": SubscriptionChange.objects.filter(workspace=workspace).latest("pk").public_id},
        "webhooks:delete": endpoint,
        "webhooks:delivery": {**endpoint, "pk": delivery.pk},
        "webhooks:edit": endpoint,
        "webhooks:endpoint": endpoint,
        "webhooks:rotate": endpoint,
    }


def written(found: CaptureQueriesContext) -> list[str]:
    sql = [query["sql"] for query in found.captured_queries]
    return [each for each in sql if WRITES.match(each) and not OF_THE_SESSION.search(each)]


def ways(name: str, *, every: bool) -> list[tuple[str, dict[str, str]]]:
    """To ask for a page: as Checkout leads back to those where one pays, and as an open page asks for its parts."""
    return [PLAIN, BACK, PART] if every or name.startswith(PAID_AT_CHECKOUT) else [PLAIN, PART]


@pytest.mark.parametrize(
    "every", [pytest.param(False, id="small"), pytest.param(True, id="full", marks=pytest.mark.slow)]
)
def test_reading_writes_nothing_and_nothing_can_be_sent(client: Client, customer: Workspace, every: bool) -> None:
    routes, real = workspace_routes(), of(customer)
    assert set(real) <= set(routes)
    before = Operation.objects.count(), AuditEntry.objects.count(), Membership.objects.count()
    read, sent = [], []
    for name, made_up in routes.items():
        url = address(name, customer, **real.get(name, made_up))
        for query, headers in ways(name, every=every):
            with CaptureQueriesContext(connection) as found:
                page = client.get(url + query, headers=headers)
                if page.streaming:
                    b"".join(page)
            read.append((name, page.status_code))
            assert written(found) == [], (name, query)
        with CaptureQueriesContext(connection) as found:
            posted = client.post(url, {"name": "Changed", "key": "x", "confirmed": "on", "off": "1", "quantity": "0"})
        assert written(found) == [], name
        assert posted.status_code in (403, 405), (name, posted.status_code)
        if posted.status_code == 403:
            assert "For reading only" in posted.content.decode(), name
            sent.append(name)
    assert len(sent) > 40
    # Every page was there, but for those that take no GET, and what cannot be without more: a payment that waits for
    # its cardholder, a comparison that was filled in, entries further back, a voice of one's own.
    odd = {each for each in read if each[1] not in (*SETTLED, 405)}
    expected = {("packs:auto-top-up-pay", 404), ("insights:whatif-csv", 422), ("overview:lot-entries", 404)}
    expected |= {("voices:voice", 404), ("voices:sample", 404)}
    assert odd <= expected, odd
    assert (Operation.objects.count(), AuditEntry.objects.count(), Membership.objects.count()) == before
    customer.refresh_from_db()
    assert customer.name == "Northwind AI"
