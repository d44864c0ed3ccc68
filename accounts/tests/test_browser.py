"""The whole way of a person in a real browser, under the site's content security policy."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect, sync_playwright

from accounts.models import ApiKey, Membership
from accounts.selectors.keys import api_key_authenticate
from accounts.tests.mail import code_in, last_mail, link_in
from accounts.tests.test_signin import totp_code
from portal.testing.chromium import launched, patient

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse 4"


@pytest.fixture
def page(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A page that fails its test on any script or policy error."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in this thread
    cache.clear()
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = launched(playwright)
        context = patient(browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 800}))
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        browser.close()
    assert problems == []


def sign_up(page: Page, email: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Confirm your address")).to_be_visible()
    page.get_by_label("Code").fill(code_in(last_mail()))
    page.get_by_role("button", name="Confirm").click()


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def no_sideways_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.set_viewport_size({"width": 1280, "height": 800})


def test_from_sign_up_to_a_key_and_a_colleague(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    sign_up(page, "mira@example.com")
    page.get_by_label("Name").fill("Northwind AI")
    page.get_by_role("button", name="Create workspace").click()
    page.wait_for_url(re.compile("/w/ws_"))
    workspace = page.url.rstrip("/")

    page.goto(workspace + "/keys/new")
    page.get_by_label("Name").fill("production")
    page.get_by_role("button", name="Create key").click()
    plain = page.locator("#new-key").inner_text()
    key = api_key_authenticate(plain)
    assert key is not None
    no_sideways_scrolling(page)
    page.goto(workspace + "/keys")
    no_sideways_scrolling(page)
    page.get_by_role("link", name="Revoke production").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_text("Revoked", exact=True)).to_be_visible()
    assert ApiKey.objects.get().revoked_at is not None

    page.goto(workspace + "/team")
    page.get_by_label("E-mail").fill("jon@example.com")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text("Invitation sent to jon@example.com")).to_be_visible()
    no_sideways_scrolling(page)
    path = link_in(last_mail()).partition("localhost:8000")[2]
    sign_out(page)
    page.goto(path)
    page.get_by_role("button", name="Create an account and join").click()
    sign_up(page, "jon@example.com")
    page.wait_for_url(workspace + "/")
    assert Membership.objects.get(user__email="jon@example.com").role == "member"


def test_a_second_step_and_a_passkey(page: Page) -> None:
    page.goto("/accounts/signup/")
    sign_up(page, "mira@example.com")
    expect(page.get_by_role("heading", name="Create your workspace")).to_be_visible()
    page.goto("/accounts/2fa/")
    page.get_by_role("link", name="Set up").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    secret = page.locator("#authenticator_secret").input_value()
    no_sideways_scrolling(page)
    page.get_by_label("Authenticator code").fill(totp_code(secret))
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator("#recovery-codes").inner_text().split()
    assert len(codes) == 10

    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    key = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": key})
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/accounts/2fa/")

    sign_out(page)
    page.get_by_label("E-mail").fill("mira@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Two-step sign-in")).to_be_visible()
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/workspaces/new")

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/workspaces/new")
