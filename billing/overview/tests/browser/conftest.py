"""A real Chromium against a live server. Every page also fails on any console, script or policy error."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import User, Workspace
from billing.overview.tests import scenarios
from billing.pricing.testing import import_demo_prices
from portal.testing.chromium import launched, patient
from portal.testing.fixtures import client_of

# Playwright's sync API runs an event loop in this thread, in which Django would refuse the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
# Only what it finds: to hand over all that is in order takes several times as long as looking.
RUN_AXE = """async ([part, rules, without = []]) => {
    const less = {preload: false, selectors: false, ancestry: false, xpath: false, elementRef: false};
    const where = {include: [part], exclude: without};
    const found = await axe.run(where, {runOnly: rules, resultTypes: ["violations"], ...less});
    return found.violations;
}"""
# Two frames after which nothing changes its looks any more: a busy machine is slow to draw even the first. What moves
# for ever, such as the dot that says “live”, is no reason to wait.
PAINTED = """async () => {
    const frame = () => new Promise(done => requestAnimationFrame(done));
    do { await frame(); await frame(); } while (document.getAnimations().some(each => each instanceof CSSTransition));
}"""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_SIZE = ["target-size", "scrollable-region-focusable"]
# What stands round the pages of a workspace, and which kinds of elements are in it.
FRAME = [".side", ".top"]
KINDS = """frame => {
    const kind = each => each.tagName + [...each.attributes].map(at => at.name + (at.name === "class" ? at.value : ""));
    const elements = document.querySelectorAll(frame.map(part => `${part}, ${part} *`).join());
    return [...new Set([...elements].map(kind))].sort().join();
}"""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all tests here; closed after them, because a thread runs one Playwright at a time."""
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


Theme = Literal["light", "dark"]


@dataclass
class Visit:
    """A signed-in tab."""

    page: Page
    base: str
    theme: Theme
    problems: list[str] = field(default_factory=list)
    within: str = "html"  # where axe looks
    whole: bool = False  # every page is looked at as closely as the first
    looks: int = 0
    frames: set[tuple[str, ...]] = field(default_factory=set)  # that were looked at

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def settle(self) -> None:
        """Wait until htmx has taken in what it put on the page: only then it listens to it."""
        expect(self.page.locator(".htmx-request, .htmx-swapping, .htmx-added")).to_have_count(0)

    def violations(self, within: str = "html", rules: list[str] = RULES, without: list[str] | None = None) -> list[str]:
        """What axe finds, one line each; `rules` are names of rules or of groups of them."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        found = self.page.evaluate(RUN_AXE, [within, rules, without or []])
        return [
            f"{violation['id']}: {node['html'][:160]} ({node['failureSummary'][:300]})"
            for violation in found
            for node in violation["nodes"]
        ]

    def width(self) -> int:
        width: int = self.page.evaluate("document.documentElement.scrollWidth")
        return width

    def wrong(self) -> list[str]:
        """What is wrong with the page as it is, and how it fits on a phone; with every third page, or with each where
        the `whole` is asked for, also what the other theme and little room change.
        """
        found = [*self._wide(), *self._found(RULES)]
        closely, self.looks = self.whole or self.looks % 3 == 0, self.looks + 1
        if closely:
            self._turn()
        if self.whole:
            found += self._found(["color-contrast"])
        usual = self.page.viewport_size
        self.page.set_viewport_size({"width": 390, "height": 800})
        found += [f"narrow: {each}" for each in self._wide()]
        if closely:
            found += [f"narrow: {each}" for each in self._found(["color-contrast", *OF_SIZE])]
        if usual:
            self.page.set_viewport_size(usual)
        return [f"{self.page.url}: {each}" for each in found]

    def _found(self, rules: list[str]) -> list[str]:
        """Violations, in the frame only if it holds what was not looked at like this before."""
        frame = (self.page.evaluate(KINDS, FRAME), self.theme, *rules)
        without = FRAME if frame in self.frames and not self.whole else []
        self.frames.add(frame)
        return [f"{self.theme}: {violation}" for violation in self.violations(self.within, rules, without)]

    def _turn(self) -> None:
        """To the other theme; the next pages begin with it, which spares turning back."""
        self.theme = "light" if self.theme == "dark" else "dark"
        self.page.emulate_media(color_scheme=self.theme)
        self.page.evaluate(PAINTED)

    def _wide(self) -> list[str]:
        room = self.page.viewport_size
        return [f"{self.width()} px wide"] if room and self.width() > room["width"] else []

    def wrong_at(self, path: str, text: str) -> list[str]:
        """The same of the page at `path`, in which `text` must stand."""
        page = self.open(path)
        missing = [] if text in page.inner_text("body") else [f"{path}: “{text}” is missing"]
        return missing + self.wrong()


Visiting = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer, alice: User) -> Iterator[Visiting]:
    """`visit(width=390, theme="dark", …)`: alice's tab; any console error fails the test."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def make(width: int = 1280, *, theme: Theme = "light", **options: Any) -> Visit:
        phone = {"is_mobile": True, "has_touch": True} if width < 500 else {}
        context = patient(
            browser.new_context(
                viewport={"width": width, "height": 800},
                color_scheme=theme,
                reduced_motion="reduce",
                locale="en-GB",
                **phone,
                **options,
            )
        )
        contexts.append(context)
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": _session(alice), "url": live_server.url}])
        found = Visit(context.new_page(), live_server.url, theme)
        found.page.on("console", lambda message: _note(found, message.type, message.text))
        found.page.on("pageerror", lambda error: found.problems.append(str(error)))
        visits.append(found)
        return found

    yield make
    for context in contexts:
        context.close()
    assert [problem for found in visits for problem in found.problems] == []


@pytest.fixture(params=[pytest.param(False, id="some"), pytest.param(True, id="whole", marks=pytest.mark.slow)])
def tab(request: pytest.FixtureRequest, visit: Visiting) -> Visit:
    """For looking at many pages: at some of them closely, or at each."""
    tab: Visit = visit()
    tab.whole = request.param
    return tab


def _note(found: Visit, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        found.problems.append(text)


def _session(user: User) -> str:
    client: Client = client_of(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


class States(dict[str, Workspace]):
    """Each is made when it is first asked for."""

    def __init__(self, owner: User) -> None:
        super().__init__()
        self._owner = owner

    def __missing__(self, state: str) -> Workspace:
        days = {"days": 5} if state == "healthy" else {}
        self[state] = getattr(scenarios, state)(self._owner, **days)
        return self[state]


@pytest.fixture
def four_states(transactional_db: None, alice: User) -> dict[str, Workspace]:
    """The same person's workspaces: healthy, low, stopped, new."""
    import_demo_prices()
    return States(alice)
