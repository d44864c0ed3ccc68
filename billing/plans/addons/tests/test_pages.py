"""The page of add-ons: who sees it, what it shows, and that the preview is what is done."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.plans.addons.tests.conftest import charges, day, fund, held, put, work
from billing.plans.models import AddOn
from billing.plans.services import plan_start

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(workspace: Workspace) -> Iterator[str]:
    """Northwind AI on the free plan since 31 January, on 14 February with 10,000 credits."""
    fund(workspace, 10_000)
    with clock.at(day(1, 31)):
        plan_start(workspace=workspace, plan_key="free")
    with clock.at(day(2, 14)):
        yield f"/w/{workspace.public_id}/plan/addons"


def text(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def confirm(client: Client, url: str, quantity: int) -> Any:
    """Look at the preview, then send its form."""
    shown = client.get(url, {"quantity": quantity}).content.decode()
    fields = dict(re.findall(r'name="(quantity|key|at|charged)" value="([^"]*)"', shown))
    return client.post(url, fields, follow=True)


def test_add_change_and_remove(alice_client: Client, workspace: Workspace, page: str) -> None:
    assert "Knowledge base" in text(alice_client.get(page))
    url = f"{page}/knowledge-bases"
    assert "Show what that costs" in text(alice_client.get(url))
    shown = text(alice_client.get(url, {"quantity": 3}))
    assert "Deducted now 1,500 credits" in shown
    assert "Every month afterwards 3,000 credits" in shown
    assert "Knowledge base: 3 from now on." in text(confirm(alice_client, url, 3))
    assert charges(workspace) == [1_500 * NANO]
    assert "Knowledge base: 1 from 28 February 2026 on." in text(confirm(alice_client, url, 1))
    assert "Becomes 1 on 28 Feb 2026, 09:30" in text(alice_client.get(page))
    confirm(alice_client, url, 3)
    listed = text(confirm(alice_client, url, 0))
    assert "Ends on 28 Feb 2026, 09:30" in listed
    assert "Keep as it is" in listed
    assert len(charges(workspace)) == 1
    assert set(AuditEntry.objects.filter(action__startswith="addon.").values_list("action", flat=True)) == {
        "addon.added", "addon.changed", "addon.kept", "addon.removed",
    }  # fmt: skip
    with clock.at(day(2, 15)):
        usage = text(alice_client.get(f"/w/{workspace.public_id}/usage"))
        assert "Add-ons and voice clones took 1,500 credits in these days" in usage
        activity = text(alice_client.get(f"/w/{workspace.public_id}/activity"))
        assert "Knowledge base × 3, 14 Feb to 28 Feb 2026" in activity


def test_a_form_sent_twice_is_one_change_and_a_stale_one_is_shown_again(
    alice_client: Client, workspace: Workspace, page: str
) -> None:
    url = f"{page}/concurrency"
    shown = alice_client.get(url, {"quantity": 2}).content.decode()
    fields = dict(re.findall(r'name="(quantity|key|at|charged)" value="([^"]*)"', shown))
    for _ in range(2):
        assert alice_client.post(url, fields).status_code == 302
    assert len(charges(workspace)) == 1
    with clock.at(day(2, 14, 11)):
        stale = alice_client.post(url, fields | {"key": "another", "quantity": "4"})
    assert (stale.status_code, len(charges(workspace))) == (409, 1)
    assert "This has changed since it was shown" in text(stale)
    assert alice_client.post(url, {"quantity": "x"}).status_code == 302


def test_too_few_credits_too_many_pieces_and_none_on_offer(
    alice_client: Client, workspace: Workspace, page: str
) -> None:
    fund_left = alice_client.get(f"{page}/knowledge-bases", {"quantity": 10})
    assert "Deducted now 5,000 credits" in text(fund_left)
    AddOn.objects.filter(key="knowledge-bases").update(monthly_credits=3_000 * NANO)
    poor = text(alice_client.get(f"{page}/knowledge-bases", {"quantity": 10}))
    assert "5,000 credits are missing. Nothing was charged." in poor
    many = alice_client.get(f"{page}/voice-cloning", {"quantity": 2})
    assert (many.status_code, "1 of Voice cloning at most" in text(many)) == (422, True)
    assert alice_client.get(f"{page}/moon").status_code == 404
    AddOn.objects.update(active=False)
    assert "No add-ons on offer" in text(alice_client.get(page))


def test_states_are_shown_with_their_times(alice_client: Client, workspace: Workspace, page: str) -> None:
    AddOn.objects.filter(key="voice-cloning").update(monthly_credits=8_000 * NANO)
    put(workspace, "voice-cloning", 1, at=day(2, 14))
    work(day(2, 28))
    assert held(workspace, "voice-cloning").status == "short"
    assert "It works until 2 Mar 2026, 09:30" in text(alice_client.get(page))
    work(day(3, 2))
    assert "Suspended since 2 Mar 2026, 09:30" in text(alice_client.get(page))


def test_only_members_see_it_and_only_those_who_manage_billing_change_it(
    bob_client: Client, charlie_client: Client, client: Client, page: str
) -> None:
    seen = text(bob_client.get(page))
    assert "Owners, admins and billing managers" in seen
    assert bob_client.get(f"{page}/concurrency").status_code == 403
    assert bob_client.post(f"{page}/concurrency", {"quantity": 1}).status_code == 403
    assert charlie_client.get(page).status_code == 404
    assert client.get(page).status_code == 302
    assert bob_client.post(page).status_code == 405


def test_staff_edit_what_is_on_offer(alice: User, client: Client, workspace: Workspace, page: str) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(pk=alice.pk), backend="django.contrib.auth.backends.ModelBackend")
    put(workspace, "concurrency", 1, at=day(2, 14))
    row = AddOn.objects.get(key="concurrency")
    url = f"/admin/plans/addon/{row.pk}/change/"
    assert client.get(url).status_code == 200
    form = {"name": "More at once", "description": "", "monthly_credits": "0.5", "most": 3, "concurrency": 7}
    assert client.post(url, form | {"feature": "", "active": "on", "position": 10}).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.monthly_credits, held(workspace).monthly_credits) == ("More at once", NANO // 2, 500 * NANO)
    assert AuditEntry.objects.filter(action="addon.edited").exists()
    nothing = client.post(url, form | {"concurrency": 0, "feature": "", "position": 10})
    assert "An add-on raises something" in nothing.content.decode()
    assert client.get(f"/admin/plans/workspaceaddon/{held(workspace).pk}/change/").status_code == 200
    assert client.get("/admin/plans/workspaceaddon/").status_code == 200
