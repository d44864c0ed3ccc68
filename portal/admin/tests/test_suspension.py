"""A suspended workspace: new requests are refused, what happened is recorded, and its pages are for reading."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.errors import Refused
from accounts.models import User, Workspace
from accounts.services.suspension import workspace_resume, workspace_suspend
from accounts.staff import StaffRole
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.adminforms import new_key
from billing.foundation.audit.models import AuditEntry
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site
from billing.ledger.hold_services import hold_extend, hold_release
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.metering.events import EventInput, Source
from billing.metering.record import usage_record
from billing.packs.autotopup.due import candidates
from billing.pricing.testing import import_demo_prices
from billing.usage import limits
from billing.usage.authorize import authorize
from billing.usage.errors import UsageRefused
from billing.usage.estimate import estimate
from portal.testing.fixtures import client_of, person

pytestmark = pytest.mark.django_db
WANTED = {"model": "openai/gpt-4o-mini", "usage": {"input_tokens": 1000}}
SERVICE = Source("service")


@pytest.fixture(autouse=True)
def known_anew() -> Iterator[None]:
    limits._suspended.clear()
    yield
    limits._suspended.clear()


@pytest.fixture
def funded(workspace: Workspace) -> Workspace:
    import_demo_prices()
    credits_grant(workspace_id=workspace.pk, key="k", amount=50 * NANO, label="Gift")
    return workspace


def suspend(workspace: Workspace) -> Workspace:
    found = workspace_suspend(workspace=workspace, reason="unpaid", by="operator")
    limits._suspended.clear()  # as after the commit
    return found


def test_new_requests_are_refused_and_what_happened_is_recorded(funded: Workspace) -> None:
    held = authorize(workspace=funded, source=SERVICE, raw=WANTED, idempotency_key="a")
    suspend(funded)
    for act in (estimate, authorize):
        with pytest.raises(UsageRefused) as refused:
            act(workspace=funded, source=SERVICE, raw=WANTED)  # type: ignore[operator]
        assert refused.value.code == "workspace_suspended"
    hold_extend(workspace_id=funded.pk, hold_id=held.hold_id, origin=SERVICE.origin, expires_in=timedelta(hours=1))
    again = authorize(workspace=funded, source=SERVICE, raw=WANTED, idempotency_key="a")
    assert again.hold_id == held.hold_id  # what was answered once stays answered
    before = balance(funded.pk).available
    event = EventInput("e1", "openai/gpt-4o-mini", {"input_tokens": Decimal(1_000_000)})
    usage_record(workspace_id=funded.pk, source=SERVICE, event=event)
    assert balance(funded.pk).available < before
    assert hold_release(workspace_id=funded.pk, hold_id=held.hold_id, origin=SERVICE.origin).held == 0
    workspace_resume(workspace=funded, reason="paid", by="operator")
    limits._suspended.clear()
    assert authorize(workspace=funded, source=SERVICE, raw=WANTED).hold_id


def test_it_is_written_down_once_with_before_and_after(workspace: Workspace) -> None:
    suspend(workspace)
    first = suspend(workspace).suspended_at
    assert first is not None
    workspace_resume(workspace=workspace, reason="paid", by="operator")
    workspace_resume(workspace=workspace, reason="paid", by="operator")
    entries = AuditEntry.objects.filter(workspace=workspace).order_by("pk")
    assert [entry.action for entry in entries] == ["workspace.suspended", "workspace.resumed"]
    assert [entry.after["suspended"] for entry in entries] == ["unpaid", None]
    assert [entry.reason for entry in entries] == ["unpaid", "paid"]
    assert entries[1].before == {"suspended": "unpaid"}


def test_a_reason_is_needed(workspace: Workspace) -> None:
    with pytest.raises(Refused):
        workspace_suspend(workspace=workspace, reason="  ", by="operator")
    with pytest.raises(IntegrityError), transaction.atomic():
        Workspace.objects.filter(pk=workspace.pk).update(suspended_at=clock.now())


def test_its_pages_are_for_reading_and_say_whom_to_ask(workspace: Workspace, alice_client: Client) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"support_email": "help@purser.example"})
    forget_site()
    suspend(workspace)
    page = alice_client.get(workspace.get_absolute_url()).content.decode()
    assert "Northwind AI is suspended" in page
    assert "help@purser.example" in page
    assert "unpaid" not in page  # the reason is for staff
    url = reverse("accounts:workspace", args=[workspace.public_id])
    refused = alice_client.post(url, {"name": "Other", "time_zone": "UTC"})
    assert refused.status_code == 403
    assert "help@purser.example" in refused.content.decode()
    workspace.refresh_from_db()
    assert workspace.name == "Northwind AI"
    workspace_resume(workspace=workspace, reason="paid", by="operator")
    assert alice_client.post(url, {"name": "Other", "time_zone": "UTC"}).status_code == 302
    assert "is suspended" not in alice_client.get(workspace.get_absolute_url()).content.decode()


def test_top_ups_pause(workspace: Workspace) -> None:
    from billing.packs.autotopup.models import AutoTopUp

    sql = str(candidates(clock.now()).query)
    assert "suspended_at" in sql
    assert not AutoTopUp.objects.exists()


def hired(role: StaffRole) -> Client:
    user = person(f"{role.name.lower()}@example.com", "correct horse 5", role.value)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.add(Group.objects.get(name=role.value))
    return client_of(User.objects.get(pk=user.pk))


def send(client: Client, workspace: Workspace, what: str, **changes: Any) -> Any:
    url = reverse(f"admin:accounts_workspace_{what}", args=[workspace.pk])
    return client.post(url, {"key": new_key(), "reason": "chargebacks", "confirmed": "on", **changes}, follow=True)


@pytest.mark.parametrize("role", StaffRole)
def test_finance_and_administration_suspend_and_resume(workspace: Workspace, role: StaffRole) -> None:
    client, may = hired(role), role in (StaffRole.FINANCE, StaffRole.ADMIN)
    page = send(client, workspace, "suspend")
    workspace.refresh_from_db()
    assert (page.status_code, workspace.suspended_reason) == ((200, "chargebacks") if may else (403, ""))
    if may:
        assert "chargebacks" in page.content.decode()
        assert "nothing was done twice" in send(client, workspace, "suspend").content.decode()
        assert "goes on" in send(client, workspace, "resume").content.decode()
        workspace.refresh_from_db()
        assert workspace.suspended_at is None


def test_looking_and_not_confirming_change_nothing(workspace: Workspace) -> None:
    client = hired(StaffRole.FINANCE)
    for what in ("suspend", "resume"):
        assert client.get(reverse(f"admin:accounts_workspace_{what}", args=[workspace.pk])).status_code == 200
    assert send(client, workspace, "suspend", confirmed="").status_code == 200
    workspace.refresh_from_db()
    assert workspace.suspended_at is None


def test_the_api_says_so(
    funded: Workspace, service_key: tuple[Any, str], workspace_key: Callable[..., tuple[Any, str]]
) -> None:
    suspend(funded)
    client = Client()
    _, plain = workspace_key()
    head = {"Authorization": f"Bearer {plain}"}
    url = "/api/v1/usage/estimate"
    answer = client.post(url, WANTED, content_type="application/json", headers=head)
    assert (answer.status_code, answer.json()["code"]) == (403, "workspace_suspended")
