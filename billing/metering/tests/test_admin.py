from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from billing.metering import admin
from billing.metering.models import UsageEvent
from billing.metering.reverse import usage_reverse
from billing.metering.tests.conftest import event, fund

pytestmark = pytest.mark.django_db
LIST = "admin:metering_usageevent_changelist"


@pytest.fixture
def staff(client: Client, batch: Callable[..., Any], workspace: Workspace) -> Client:
    fund(workspace)
    batch([event("rated"), event("odd", model="acme/brain"), event("odder", usage={"sparkles": 1})])
    client.force_login(User.objects.create_superuser("root@example.com", "correct horse 0"))
    return client


def shown(client: Client, **query: str) -> set[str]:
    page = client.get(reverse(LIST), query)
    assert page.status_code == 200
    return {row.event_id for row in page.context["cl"].result_list}


def test_staff_find_what_is_unrated(staff: Client) -> None:
    assert shown(staff) == {"rated", "odd", "odder"}
    assert shown(staff, unrated="any") == {"odd", "odder"}
    assert shown(staff, unrated="unknown_model") == {"odd"}
    assert shown(staff, q="odder") == {"odder"}
    assert "0.072" in staff.get(reverse(LIST)).content.decode()


def test_the_list_counts_no_further_than_it_must(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "MOST_COUNTED", 2)
    assert staff.get(reverse(LIST)).context["cl"].result_count == 2


def test_an_event_opens_and_cannot_be_changed(staff: Client) -> None:
    row = UsageEvent.objects.get(event_id="rated")
    url = reverse("admin:metering_usageevent_change", args=[row.pk])
    assert "gpt-4o-mini" in staff.get(url).content.decode()
    assert staff.post(url, {"event_id": "forged"}).status_code == 403
    assert staff.get(reverse("admin:metering_usageevent_add")).status_code == 403
    assert staff.post(reverse("admin:metering_usageevent_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert staff.get(reverse("admin:metering_allowance_changelist")).status_code == 200


def test_customers_have_no_business_here(client: Client, alice: User, staff: Client) -> None:
    client.force_login(alice)
    assert client.get(reverse(LIST)).status_code in (302, 403)


def test_the_list_says_what_was_given_back(staff: Client, workspace: Workspace) -> None:
    event_pk = UsageEvent.objects.get(event_id="rated").pk
    usage_reverse(workspace_id=workspace.pk, pk=event_pk, reason="Sent twice", actor="root@example.com")
    page = staff.get(reverse(LIST))
    rows = {row.event_id: row for row in page.context["cl"].result_list}
    assert rows["rated"].reversed.amount == rows["rated"].amount
    assert page.content.decode().count("0.072") == 2
    assert staff.get(reverse("admin:metering_usageevent_change", args=[event_pk])).status_code == 200
