"""What each role does about money, prices and moving in, in a browser; the server refuses it to the others."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User, Workspace
from accounts.staff import StaffRole
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import send
from billing.packs.models import MoneyBack, Purchase
from billing.packs.tests.conftest import buy, credits_of, growth, shop
from billing.plans.models import Plan, PlanVersion
from billing.plans.publishing import draft_save
from billing.pricing.models import PriceLine
from portal.admin.roles import roles_update
from portal.admin.tests.browser.conftest import Signing, picture, refused, staff
from portal.admin.tests.test_price_approvals import Refresh, pending, refresh
from portal.testing.simulated import SimulatedStripe

__all__ = ["buy", "growth", "refresh", "shop"]

pytestmark = pytest.mark.django_db(transaction=True)
FILE = b"external_id,name,owner_email,credits,source\nc-1,Northwind Labs,ann@example.org,25000,bought\n"


@pytest.fixture(autouse=True)
def roles(transactional_db: None) -> None:
    roles_update()


@pytest.fixture
def draft(transactional_db: None) -> PlanVersion:
    plan = Plan.objects.create(key="team", name="Team")
    return draft_save(version=PlanVersion(plan=plan, monthly_price_cents=1_000), credit_tiers=[])


def test_finance_refunds_a_part_of_a_purchase(
    signed_in: Signing, growth: Purchase, workspace: Workspace, shop: SimulatedStripe, draft: PlanVersion
) -> None:
    refund = reverse("admin:packs_purchase_refund", args=[growth.pk])
    for role in (StaffRole.SUPPORT, StaffRole.PRICING):
        page = signed_in(staff(role))
        page.goto("/admin/")
        refused(page, refund)
    assert not MoneyBack.objects.exists()

    page = signed_in(staff(StaffRole.FINANCE))
    page.goto(reverse("admin:packs_purchase_change", args=[growth.pk]))
    page.locator(f"a[href^='{refund}']").click()
    page.get_by_label("Amount").fill("10.00")
    page.get_by_label("Reason").fill("Goodwill")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#effect")).to_contain_text("$10.00")
    picture(page, "finance-refund")
    assert not MoneyBack.objects.exists()
    page.get_by_role("button", name="Refund", exact=True).click()
    expect(page.locator("body")).to_contain_text("$10.00 was refunded")
    back = MoneyBack.objects.get()
    assert (back.amount, back.document is not None) == (1_000, True)
    assert shop.books()["totals"]["usd"]["refund"] == -1_000
    assert credits_of(workspace) == 8_400 * NANO
    page.goto(reverse("admin:invoices_document_changelist"))
    expect(page.locator("#result_list")).to_contain_text(str(back.document))
    picture(page, "finance-invoices")

    refused(page, reverse("admin:plans_planversion_publish", args=[draft.pk]))
    draft.refresh_from_db()
    assert draft.published_at is None


def test_support_sends_a_mail_again(signed_in: Signing, workspace: Workspace) -> None:
    message = send(to=["ann@example.org"], subject="Your receipt", text="Thank you.", kind="test", workspace=workspace)
    assert message is not None
    OutboxMessage.objects.filter(pk=message.pk).update(
        status=OutboxMessage.Status.FAILED, attempts=6, last_error="refused"
    )
    outbox = reverse("admin:foundation_outboxmessage_changelist")
    reader = signed_in(staff(StaffRole.PRICING))
    reader.goto(outbox)
    expect(reader.locator("#result_list")).to_contain_text("Your receipt")
    expect(reader.locator("select[name=action]")).to_have_count(0)

    page = signed_in(staff(StaffRole.SUPPORT))
    page.goto(outbox)
    page.locator("#result_list input.action-select").first.check()
    page.locator("select[name=action]").select_option("send_again")
    picture(page, "support-outbox")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("body")).to_contain_text("1 will be sent again.")
    message.refresh_from_db()
    assert (message.status, message.last_error) != (OutboxMessage.Status.FAILED, "refused")
    assert AuditEntry.objects.get(action="outbox.sent_again").actor_label == "support@purser.example"


def test_pricing_approves_a_price(signed_in: Signing, refresh: Refresh) -> None:
    refresh(gpt_4o_input_tokens="3.75", gpt_4o_mini_output_tokens="0.3")
    held = pending()
    reader = signed_in(staff(StaffRole.FINANCE))
    reader.goto(reverse("price-approvals"))
    expect(reader.get_by_role("table", name="Prices that wait")).to_contain_text("gpt-4o")
    expect(reader.get_by_role("button", name="Approve chosen")).to_have_count(0)

    page = signed_in(staff(StaffRole.PRICING))
    page.goto(reverse("price-approvals"))
    page.locator(f"#line-{held['gpt-4o input_tokens']}").check()
    picture(page, "pricing-approvals")
    page.get_by_role("button", name="Approve chosen").click()
    expect(page.locator("body")).to_contain_text("1 prices approved")
    assert list(pending()) == ["gpt-4o-mini output_tokens"]
    approved = PriceLine.objects.get(pk=held["gpt-4o input_tokens"])
    assert approved.price == Decimal("3.75")


def test_administration_moves_customers_in_and_takes_a_person_s_data(
    signed_in: Signing, alice: User, tmp_path: Path
) -> None:
    moving, data = reverse("import", args=["workspaces"]), reverse("admin:accounts_user_export_data", args=[alice.pk])
    for role in (StaffRole.SUPPORT, StaffRole.FINANCE, StaffRole.PRICING):
        other = signed_in(staff(role))
        other.goto("/admin/")
        for path in (moving, data):
            refused(other, path)
    before = AuditEntry.objects.count()

    page = signed_in(staff(StaffRole.ADMIN))
    page.goto(moving)
    page.get_by_label("CSV file").set_input_files(
        {"name": "customers.csv", "mimeType": "text/csv", "buffer": FILE},
    )
    page.get_by_role("button", name="Try the file").click()
    expect(page.locator("body")).to_contain_text("What customers.csv would do")
    picture(page, "admin-moving-in")
    assert (Workspace.objects.count(), AuditEntry.objects.count()) == (0, before)
    page.get_by_label("Reason").fill("We move in")
    page.get_by_label("I have checked what this does").check()
    page.get_by_role("button", name="Import 1 row").click()
    expect(page.locator("body")).to_contain_text("1 rows were imported")
    assert Workspace.objects.get().name == "Northwind Labs"

    page.goto(data)
    page.get_by_label("Reason").fill("Asked by post")
    picture(page, "admin-person-data")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Make the file").click()
    file = tmp_path / "person.json"
    waiting.value.save_as(file)
    assert alice.email in json.dumps(json.loads(file.read_text()))
    assert AuditEntry.objects.latest("pk").reason == "Asked by post"
