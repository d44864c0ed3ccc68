"""A staff member of each role in a browser: what they may do works, what they may not is refused by the server."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User, Workspace
from accounts.staff import StaffRole
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.desk.models import Proposal, StaffNote
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site
from billing.ledger.models import Operation
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.overview.tests import scenarios
from billing.plans.limits import limits_for
from billing.plans.models import WorkspaceLimits
from billing.pricing.testing import import_demo_prices
from portal.admin.roles import roles_update
from portal.admin.tests.browser.conftest import Signing, picture, refused, staff

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customer(transactional_db: None, alice: User) -> Workspace:
    roles_update()
    import_demo_prices()
    workspace = scenarios.healthy(alice, days=5)
    ends = clock.now() + timedelta(days=20)
    credits_grant(workspace_id=workspace.pk, key="desk", amount=250 * NANO, label="Spring campaign", expires_at=ends)
    return workspace


def desk(page: Page, workspace: Workspace) -> Page:
    page.goto(f"/admin/workspaces/{workspace.pk}/")
    return page


def test_support_writes_a_note_and_cannot_give_credits(signed_in: Signing, customer: Workspace) -> None:
    page = desk(signed_in(staff(StaffRole.SUPPORT)), customer)
    expect(page.locator("#balance")).to_contain_text("Available")
    expect(page.locator("#acts")).not_to_contain_text("Give or take credits")
    page.get_by_role("link", name="Add a note").click()
    page.get_by_label("Text").fill("Asked for an invoice by post.")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("section", has=page.locator("#notes"))).to_contain_text("Asked for an invoice by post.")
    picture(page, "role-support")
    assert StaffNote.objects.get().author_label == "support@purser.example"
    before = Operation.objects.count()
    refused(page, f"/admin/accounts/workspace/{customer.pk}/credits/")
    assert Operation.objects.count() == before


def test_finance_gives_credits_and_cannot_set_limits(signed_in: Signing, customer: Workspace) -> None:
    page = desk(signed_in(staff(StaffRole.FINANCE)), customer)
    before = balance(customer.pk).available
    page.get_by_role("link", name="Give or take credits").click()
    page.locator("#id_amount").fill("12.5")
    page.get_by_label("Reason").fill("Sorry for Monday")
    page.get_by_label("I have checked the workspace and the amount").check()
    page.get_by_role("button", name="Post").click()
    expect(page.locator("body")).to_contain_text("12.5 given to")
    picture(page, "role-finance")
    assert balance(customer.pk).available == before + 12_500_000_000
    refused(page, f"/admin/accounts/workspace/{customer.pk}/limits/")
    assert not WorkspaceLimits.objects.exists()


def test_pricing_sets_limits_and_cannot_suspend(signed_in: Signing, customer: Workspace) -> None:
    page = desk(signed_in(staff(StaffRole.PRICING)), customer)
    page.get_by_role("link", name="Limits of its own").click()
    page.get_by_label("Requests at the same time").fill("7")
    page.get_by_label("Reason").fill("Contract 12")
    page.get_by_label("I have checked the workspace and the limits").check()
    page.get_by_role("button", name="Let them hold").click()
    expect(page.locator("body")).to_contain_text("hold.")
    picture(page, "role-pricing")
    assert limits_for(customer.pk).concurrency == 7
    refused(page, f"/admin/accounts/workspace/{customer.pk}/suspend/")
    customer.refresh_from_db()
    assert customer.suspended_at is None


def test_administration_suspends_and_cannot_make_itself_more(signed_in: Signing, customer: Workspace) -> None:
    user = staff(StaffRole.ADMIN)
    page = desk(signed_in(user), customer)
    page.get_by_role("link", name="Suspend", exact=True).click()
    page.get_by_label("Reason").fill("Chargebacks")
    page.get_by_label("I have checked what this does").check()
    page.get_by_role("button", name="Suspend").click()
    expect(page.get_by_role("alert").first).to_contain_text("Chargebacks")
    picture(page, "role-admin")
    customer.refresh_from_db()
    assert customer.suspended_reason == "Chargebacks"
    refused(page, "/admin/auth/group/add/")
    user.refresh_from_db()
    assert not user.is_superuser


def test_a_large_gift_waits_for_a_second_person(signed_in: Signing, customer: Workspace) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"second_person_above": Decimal(1000)})
    forget_site()
    before = balance(customer.pk).available
    page = desk(signed_in(staff(StaffRole.FINANCE, "fiona")), customer)
    page.get_by_role("link", name="Give or take credits").click()
    page.locator("#id_amount").fill("5000")
    page.get_by_label("Reason").fill("Migration from the old system")
    page.get_by_label("I have checked the workspace and the amount").check()
    page.get_by_role("button", name="Post").click()
    expect(page.locator("body")).to_contain_text("nothing is posted until somebody else approves it")
    proposal = Proposal.objects.get()
    page.goto(f"/admin/foundation/proposal/{proposal.pk}/change/")
    expect(page.get_by_role("link", name="Approve")).to_have_count(0)
    assert balance(customer.pk).available == before

    other = desk(signed_in(staff(StaffRole.FINANCE, "frank")), customer)
    picture(other, "desk-1280")
    other.get_by_role("link", name="Give 5,000 credits").first.click()
    picture(other, "proposal-1280")
    other.get_by_role("link", name="Approve").click()
    other.get_by_label("Reason").fill("Seen the contract")
    other.get_by_label("I have checked what this does").check()
    picture(other, "proposal-approve-1280")
    other.get_by_role("button", name="Approve and post").click()
    expect(other.locator("body")).to_contain_text("5000 given to")
    assert balance(customer.pk).available == before + 5000 * NANO


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_support_looks_as_the_customer_and_changes_nothing(
    signed_in: Signing, customer: Workspace, width: int, theme: str
) -> None:
    page = desk(signed_in(staff(StaffRole.SUPPORT), width=width, theme=theme), customer)
    picture(page, f"desk-{width}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="View as customer").click()
    page.get_by_label("Reason").fill("Ticket 7")
    page.get_by_label("I have checked what this does").check()
    page.get_by_role("button", name="Look").click()
    banner = page.get_by_role("status", name="Viewing as customer")
    expect(banner).to_contain_text("as its owner sees it")
    picture(page, f"viewing-{width}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    name = customer.name
    page.goto(reverse("accounts:workspace", args=[customer.public_id]))
    page.locator("main").get_by_role("button", name="Save").first.click()
    expect(page.locator("h1")).to_contain_text("For reading only")
    picture(page, f"read-only-{width}-{theme}")
    customer.refresh_from_db()
    assert customer.name == name
    page.goto(customer.get_absolute_url())
    page.get_by_role("button", name="Back to the admin").click()
    expect(page).to_have_url(f"{page.url.split('/admin')[0]}/admin/workspaces/{customer.pk}/")
    assert list(
        AuditEntry.objects.filter(action__startswith="workspace.view").order_by("pk").values_list("action", flat=True)
    ) == ["workspace.view_begun", "workspace.view_ended"]
