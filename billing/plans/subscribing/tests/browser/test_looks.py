"""Every page of plans and add-ons, with much, with nothing and with an error: no error in the console, nothing that
axe finds, no sideways scrolling.
"""

import pytest
from playwright.sync_api import expect

from accounts.models import User, Workspace
from accounts.services.workspaces import workspace_create
from billing.credits import clock
from billing.overview.tests.browser.conftest import Visit
from billing.plans.addons.services import addon_set
from billing.plans.models import Subscription, SubscriptionChange, WorkspaceAddOn
from billing.plans.periods.life import subscription_end
from billing.plans.subscribing.autoupgrade import auto_upgrade_agree
from billing.plans.subscribing.tests.conftest import Till

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = "The card was not charged: your bank declined it, or wants you to confirm the payment."
Change = SubscriptionChange


@pytest.fixture
def customer(present_till: Till, workspace: Workspace, alice: User) -> Workspace:
    """On a plan whose renewal was declined, with a change that waits, one that failed, one in view, automatic upgrades
    and an add-on in each state.
    """
    present_till.start("team")
    waits, failed, _ = (
        present_till.shown("team", tier=1),
        present_till.shown("team", tier=2),
        present_till.shown("plus"),
    )
    auto_upgrade_agree(workspace=workspace, highest=2, most_cents=30_000, by=alice)
    with present_till.time() as now:
        for key in ("concurrency", "knowledge-bases", "voice-cloning"):
            addon_set(workspace=workspace, addon_key=key, quantity=1, key=key, actor=alice)
    Change.objects.filter(pk=waits.pk).update(status="asked", session_url="http://localhost/pay", problem=WORDS)
    Change.objects.filter(pk=failed.pk).update(status="failed", problem=WORDS, done_at=now)
    held = WorkspaceAddOn.objects.filter(workspace=workspace)
    for key, status in (("knowledge-bases", "short"), ("voice-cloning", "suspended")):
        held.filter(addon__key=key).update(status=status, short_since=now, suspends_at=now)
    Subscription.objects.filter(workspace=workspace, ended_at=None).update(status="past_due", past_due_since=now)
    return workspace


@pytest.fixture
def newcomer(customer: Workspace, alice: User) -> Workspace:
    """Without a plan, without credits."""
    made = workspace_create(name="Newcomers", owner=alice)
    row = Subscription.objects.get(workspace=made)
    subscription_end(row.pk, at=row.anchor, now=clock.now(), then_default=False)
    return made


def sights(customer: Workspace, newcomer: Workspace) -> list[tuple[str, str]]:
    """Address and a text of each page."""
    much, nothing = (f"/w/{each.public_id}/plan" for each in (customer, newcomer))
    done, waits, failed, shown = (Change.objects.get(status=one) for one in ("done", "asked", "failed", "shown"))
    return [
        (much, "The last payment was declined"),
        (nothing, "No plan"),
        (f"{nothing}/choose", "Talk to"),
        (f"{much}/choose?interval=year", "Your plan"),
        (f"{much}/changes", "Started"),
        (f"{nothing}/changes", "No change yet"),
        (f"{much}/changes/{done.public_id}", "See your plan"),
        (f"{much}/changes/{waits.public_id}", "Go to the payment page"),
        (f"{much}/changes/{failed.public_id}", "It was not done"),
        (f"{much}/changes/{shown.public_id}", "What this does"),
        (f"{much}/auto-upgrade", "Agreed to by"),
        (f"{nothing}/auto-upgrade", "No higher tier"),
        (f"{much}/addons", "Suspended since"),
        (f"{much}/addons/concurrency?quantity=3", "Deducted now"),
        (f"{nothing}/addons/concurrency?quantity=1", "are missing. Nothing was charged."),
    ]


def refused(tab: Visit, status: int) -> None:
    """The console notes the answer that a page of an error comes with."""
    tab.problems[:] = [each for each in tab.problems if f"status of {status}" not in each]


def test_every_page_is_clean(tab: Visit, customer: Workspace, newcomer: Workspace) -> None:
    wrong = []
    for path, text in sights(customer, newcomer):
        wrong += tab.wrong_at(path, text)

    page = tab.open(f"/w/{customer.public_id}/plan/changes/{Change.objects.get(status='shown').public_id}")
    page.get_by_role("button", name="Confirm").click()  # the payment was declined since
    expect(page.locator("main")).to_contain_text("changed")
    wrong += tab.wrong()
    refused(tab, 409)
    page = tab.open(f"/w/{customer.public_id}/plan/auto-upgrade")
    page.get_by_label("Most to spend").fill("0")
    page.locator("form").last.evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Agree to the new limits").click()
    expect(page.locator("main")).to_contain_text("This field is required")
    wrong += tab.wrong()
    refused(tab, 422)
    assert wrong == []
