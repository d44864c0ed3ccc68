"""Staff of each role in a real Chromium against a live server."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from accounts.staff import StaffRole
from portal.testing.chromium import launched, patient
from portal.testing.fixtures import client_of, person

# Playwright's sync API runs an event loop in this thread, in which Django would refuse the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
SHOTS = os.environ.get("PURSER_SHOTS", "")  # a folder for pictures of what is tested; empty: none are kept

Signing = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


def staff(role: StaffRole | None, name: str = "") -> User:
    """A staff member of a role; None: a superuser."""
    word = name or (role.name.lower() if role else "boss")
    user = person(f"{word}@purser.example", "correct horse 5", word.capitalize())
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=role is None)
    if role is not None:
        user.groups.add(Group.objects.get(name=role.value))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def signed_in(browser: Browser, live_server: LiveServer) -> Iterator[Signing]:
    """`signed_in(user, width=390, theme="dark")`: a tab of that person; a script or policy error fails the test."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def make(user: User, *, width: int = 1280, theme: str = "light") -> Page:
        context = patient(
            browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if theme == "dark" else "light",
                reduced_motion="reduce",
                locale="en-GB",
                base_url=live_server.url,
            )
        )
        contexts.append(context)
        cookie = client_of(user).cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert problems == []


def picture(page: Page, name: str) -> None:
    """Keep what the page looks like, where a folder for that is named."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def refused(page: Page, path: str) -> None:
    """The form is not shown, and what is sent all the same is refused: the token is right, the person may not."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 403
    token = next(cookie["value"] for cookie in page.context.cookies() if "csrf" in cookie["name"].lower())
    sent = page.request.post(
        path,
        form={"csrfmiddlewaretoken": token, "key": "k", "reason": "r", "confirmed": "on", "amount": "5"},
        headers={"Referer": page.url},
    )
    assert sent.status == 403
