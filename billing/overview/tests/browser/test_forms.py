"""Forms that change something are sent once, and their buttons still say which one was pressed."""

import pytest
from allauth.account.models import EmailAddress
from playwright.sync_api import Route, expect

from accounts.models import ApiKey, Invitation, User, Workspace
from billing.overview.tests.browser.conftest import Visiting

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_double_click_makes_one_key_and_shows_it(workspace: Workspace, visit: Visiting) -> None:
    page = visit().open(f"/w/{workspace.public_id}/keys/new")
    page.get_by_label("Name").fill("production")
    held: list[Route] = []
    page.route("**/keys/new", lambda route: held.append(route))
    page.get_by_role("button", name="Create key").dblclick(delay=100, no_wait_after=True)
    page.wait_for_timeout(300)
    assert len(held) == 1
    held[0].continue_()
    expect(page.locator("#new-key")).to_contain_text("pws_")
    assert ApiKey.objects.count() == 1


def test_a_sent_form_waits_and_works_again_when_the_page_is_come_back_to(workspace: Workspace, visit: Visiting) -> None:
    page = visit().open(f"/w/{workspace.public_id}/team")
    page.get_by_label("E-mail").fill("dora@example.com")
    page.route("**/team/invite", lambda route: route.fulfill(status=204))  # stays on the page, as a lost answer does
    button = page.get_by_role("button", name="Send invitation")
    button.click()
    expect(button).to_be_disabled()
    page.evaluate("dispatchEvent(new Event('pageshow'))")
    expect(button).to_be_enabled()
    page.unroute("**/team/invite")
    button.click()
    expect(page.get_by_text("Invitation sent to dora@example.com")).to_be_visible()
    assert Invitation.objects.count() == 1


def test_the_pressed_button_is_still_told(workspace: Workspace, alice: User, visit: Visiting) -> None:
    EmailAddress.objects.create(user=alice, email="second@example.com", verified=True)
    page = visit().open("/accounts/reauthenticate/?next=/accounts/email/")
    page.get_by_label("Password").fill("correct horse 1")
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Make second@example.com primary").click()
    page.get_by_role("button", name="Remove alice@example.com").click()
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)
    assert EmailAddress.objects.get(user=alice).email == "second@example.com"


def test_search_forms_stay_usable(four_states: dict[str, Workspace], visit: Visiting) -> None:
    page = visit().open(f"/w/{four_states['healthy'].public_id}/usage")
    button = page.locator("form[aria-label=Dates] button")
    for _ in range(2):
        with page.expect_response(lambda response: "/usage?" in response.url):
            button.click()
        expect(button).to_be_enabled()
