"""Every page of the admin opens, changes nothing by being opened, and shows true numbers."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User, Workspace
from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due.registry import run_due
from billing.foundation.maintenance.models import MaintenanceRun
from billing.foundation.outbox.models import OutboxMessage
from billing.foundation.outbox.services import send
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import site
from billing.ledger.services import credits_grant
from billing.plans.models import Plan, PlanVersion
from billing.plans.services import plan_start
from billing.plans.tests.test_drafts import seen_of
from billing.pricing.models import PriceLine
from billing.pricing.testing import import_demo_prices

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def staff(alice: User) -> Client:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(pk=alice.pk), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def maintained(db: None) -> None:
    """In the quiet hour of the site settings the jobs would maintain the tables, which no transaction allows."""
    MaintenanceRun.objects.create(started_at=clock.now(), finished_at=clock.now())


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_lists_and_forms_open(staff: Client, workspace: Workspace, model: type) -> None:
    plan_start(workspace=workspace)
    credits_grant(workspace_id=workspace.pk, key="a", amount=10**9, label="Test")
    name = f"{model._meta.app_label}_{model._meta.model_name}"  # type: ignore[attr-defined]
    listed = staff.get(reverse(f"admin:{name}_changelist"), follow=True)
    assert listed.status_code == 200
    assert staff.get(reverse(f"admin:{name}_changelist") + "?q=x", follow=True).status_code == 200
    first = model._default_manager.first()  # type: ignore[attr-defined]
    if first is not None:
        assert staff.get(reverse(f"admin:{name}_change", args=[first.pk])).status_code == 200
    assert staff.get(reverse(f"admin:{name}_add")).status_code in (200, 403)


def test_visitors_sign_in_through_the_portals_own_page(client: Client) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/")


@pytest.mark.usefixtures("maintained")
def test_first_page_shows_true_numbers(staff: Client, workspace: Workspace) -> None:
    credits_grant(workspace_id=workspace.pk, key="a", amount=1_234_500_000_000, label="Test")
    run_due()
    page = staff.get("/admin/")
    tiles = {tile.title: tile for _, tiles in page.context["groups"] for tile in tiles}
    assert tiles["Outstanding"].value == "1,234.50"
    assert tiles["Outstanding"].remark == "credits, $6.17"
    assert (tiles["Workspaces"].value, tiles["Debt"].value) == ("1", "0.00")
    assert (tiles["Due work"].value, tiles["Events without a price"].value) == ("On time", "0")
    assert (tiles["Granted today"].value, tiles["Sold today"].value) == ("1,234.50", "0")
    held = PriceLine.objects.filter(status="pending").count()
    assert (tiles["Ledger"].value, tiles["Held prices"].value) == ("Adds up", str(held))


@pytest.mark.usefixtures("maintained")
def test_first_page_warns_of_silent_jobs_and_unsent_mail(staff: Client, settings: Settings) -> None:
    import_demo_prices()  # or the jobs would import the whole catalogue
    settings.DEMO, settings.EMAIL_URL = False, ""
    send(to=["a@example.com"], subject="s", text="t", kind="test")
    page = staff.get("/admin/").content.decode()
    assert "Is the worker running?" in page
    assert "EMAIL_URL is not set" in page
    settings.DEMO = True
    run_due()
    page = staff.get("/admin/").content.decode()
    assert "Is the worker running?" not in page
    assert "EMAIL_URL is not set" not in page


def test_first_page_asks_little(staff: Client, workspace: Workspace) -> None:
    staff.get("/admin/")
    with CaptureQueriesContext(connection) as queries:
        staff.get("/admin/")
    assert len(queries) < 40


def test_sidebar_links_only_to_pages_that_exist(staff: Client) -> None:
    groups = staff.get("/admin/").context["sidebar_navigation"]
    links = [str(item["link"]) for group in groups for item in group["items"]]
    assert len(links) > 10
    assert [link for link in links if staff.get(link, follow=True).status_code != 200] == []


def test_audit_log_is_searched_and_never_edited(staff: Client, alice: User) -> None:
    from billing.foundation.audit.services import record

    entry = record(action="plan.changed", actor=alice, target="needle", reason="asked by phone")
    record(action="plan.changed", actor="system", target="hay")
    found = staff.get(reverse("admin:foundation_auditentry_changelist") + "?q=needle").content.decode()
    assert "needle" in found
    assert "hay" not in found.split("<tbody")[1]
    page = reverse("admin:foundation_auditentry_change", args=[entry.pk])
    assert staff.post(page, {"reason": "never"}).status_code == 403
    assert staff.post(reverse("admin:foundation_auditentry_delete", args=[entry.pk])).status_code == 403


def test_outbox_hides_texts_and_sends_failed_messages_again(staff: Client) -> None:
    message = send(to=["a@example.com"], subject="Your code", text="123456", kind="account")
    assert message is not None
    OutboxMessage.objects.update(status="failed")
    change = staff.get(reverse("admin:foundation_outboxmessage_change", args=[message.pk])).content.decode()
    assert "Your code" in change
    assert "123456" not in change
    listing = reverse("admin:foundation_outboxmessage_changelist")
    staff.get(listing + "?waiting=yes&action=send_again&_selected_action=" + str(message.pk))
    assert OutboxMessage.objects.get().status == "failed"  # looking is not sending
    staff.post(listing, {"action": "send_again", "_selected_action": [message.pk]})
    assert OutboxMessage.objects.get().status == "queued"
    assert AuditEntry.objects.get(action="outbox.sent_again").target == f"message {message.pk}"


def test_outbox_is_searched_read_and_copied(staff: Client) -> None:
    html = "<p>Paid &amp; done</p><script>alert(1)</script>"
    message = send(
        to=["ann@acme.example"], subject="Receipt", text="Paid", html=html, kind="invoice.receipt", key="d:1"
    )
    send(to=["bob@other.example"], subject="Hay", text="Hay", kind="topup.succeeded")
    assert message is not None
    listing = reverse("admin:foundation_outboxmessage_changelist")
    for word in ("ann@acme", "Receipt", "d:1"):
        found = staff.get(listing, {"q": word}).content.decode()
        assert "ann@acme.example" in found
        assert "bob@other.example" not in found
    page = staff.get(reverse("admin:foundation_outboxmessage_change", args=[message.pk])).content.decode()
    assert '<iframe sandbox="" srcdoc="&lt;p&gt;Paid &amp;amp; done' in page
    assert "<script>alert(1)" not in page
    OutboxMessage.objects.update(status="sent")
    for _ in range(2):  # a double click is one copy
        staff.post(listing, {"action": "send_copy", "_selected_action": [message.pk]})
    assert OutboxMessage.objects.filter(to=["ann@acme.example"]).count() == 2
    assert AuditEntry.objects.get(action="outbox.copied").target == f"message {message.pk}"


def test_fresh_sending_message_is_left_alone(staff: Client) -> None:
    message = send(to=["a@example.com"], subject="Your code", text="123456", kind="account")
    assert message is not None
    OutboxMessage.objects.update(status="sending", claimed_at=clock.now() - timedelta(minutes=1), last_error="")
    listing = reverse("admin:foundation_outboxmessage_changelist")
    staff.post(listing, {"action": "send_again", "_selected_action": [message.pk]})
    assert OutboxMessage.objects.get().status == "sending"


def settings_form(**changes: str) -> dict[str, str]:
    row = site()
    values = {field.name: getattr(row, field.name) for field in SiteSettings._meta.fields if field.name != "id"}
    texts = {name: "" if value in (False, None) else str(value) for name, value in values.items()}
    return {name: text for name, text in {**texts, **changes}.items() if text or name == "support_email"}


def test_site_settings_are_saved_with_a_trace(staff: Client, alice: User) -> None:
    page = reverse("admin:foundation_sitesettings_change", args=[site().pk])
    response = staff.post(page, settings_form(product_name="Coin", usd_per_credit="0.01"))
    assert response.status_code == 302
    assert site().product_name == "Coin"
    assert AuditEntry.objects.get(action="site.updated").after == {"product_name": "Coin", "usd_per_credit": "0.01"}


@pytest.mark.parametrize(("name", "value"), [("usd_per_credit", "0.003"), ("default_plan", "gone")])
def test_settings_that_would_break_things_are_refused(staff: Client, name: str, value: str) -> None:
    page = reverse("admin:foundation_sitesettings_change", args=[site().pk])
    assert staff.post(page, settings_form(**{name: value})).status_code == 200
    assert not SiteSettings.objects.exists()


def test_face_value_is_fixed_once_credits_exist(staff: Client, workspace: Workspace) -> None:
    credits_grant(workspace_id=workspace.pk, key="a", amount=10**9, label="Test")
    page = reverse("admin:foundation_sitesettings_change", args=[site().pk])
    assert staff.post(page, settings_form(usd_per_credit="0.01", product_name="Coin")).status_code == 302
    row = SiteSettings.objects.get()
    assert (row.usd_per_credit, row.product_name) == (Decimal("0.005"), "Coin")


def test_a_changed_plan_is_a_new_version(staff: Client, workspace: Workspace) -> None:
    plan_start(workspace=workspace)
    free = Plan.objects.get(key="free")
    form = {
        "plan": free.pk,
        "monthly_price_cents": 0,
        "trial_days": 0,
        "periods": "anniversary",
        "monthly_credits": "12.5",
        "rollover_months": 1,
        "allowances": '{"input_characters": 2000}',
        "request_limits": "{}",
        "qualities": "standard,premium",
        "overdraft": "0",
        "features": "",
        "intended_for": "",
    }
    assert staff.post(reverse("admin:plans_planversion_add"), form).status_code == 302
    version = PlanVersion.objects.get(plan=free, number=2)
    assert (version.monthly_credits, version.allowances) == (12_500_000_000, {"input_characters": "2000"})
    assert version.published_at is None  # a draft
    publish = reverse("admin:plans_planversion_publish", args=[version.pk])
    assert staff.post(publish, {"key": "once", "seen": seen_of(staff, publish)}).status_code == 302
    version.refresh_from_db()
    assert version.published_at is not None
    assert workspace.subscriptions.get().version.number == 1
    page = reverse("admin:plans_planversion_change", args=[version.pk])
    assert "does not change any more" in staff.post(page, form | {"monthly_credits": "13"}).content.decode()
    version.refresh_from_db()
    assert version.monthly_credits == 12_500_000_000


@pytest.mark.parametrize(
    "quantities", ['{"messages": -1}', '{"messages": "NaN"}', '["messages"]', '{"messages": true}']
)
def test_odd_quantities_of_a_plan_are_refused(staff: Client, quantities: str) -> None:
    form = {"plan": Plan.objects.get(key="free").pk, "monthly_credits": "0", "overdraft": "0", "allowances": quantities}
    form |= {"monthly_price_cents": 0, "rollover_months": 0, "request_limits": "{}"}
    form |= {"trial_days": "0", "periods": "anniversary"}
    response = staff.post(reverse("admin:plans_planversion_add"), form)
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["allowances"]
    assert PlanVersion.objects.filter(plan__key="free").count() == 1
