"""Mails in a browser, light and dark, wide and narrow; and the pages on which people choose what they get."""

import pytest
from playwright.sync_api import Browser

from accounts.models import Workspace
from billing.foundation.mail.kinds import KINDS
from billing.foundation.mail.letters import rendered
from billing.foundation.mail.links import unsubscribe_url
from billing.foundation.mail.models import MailWish, RoleMail
from billing.foundation.mail.telling import letter_of
from billing.foundation.mail.tests.samples import TEXTS, WORST, sample
from billing.overview.tests.browser.conftest import AXE, RUN_AXE, Visiting

# What axe has to say of pages, and not of mails: they have no landmarks.
OF_MAILS = ["color-contrast", "link-name", "image-alt", "list", "document-title", "html-has-lang", "link-in-text-block"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_mails_are_read_well_in_both_themes_and_on_a_phone(browser: Browser) -> None:
    workspace = Workspace.objects.create(name=f"{WORST} {'long' * 15}")
    page = browser.new_page(viewport={"width": 640, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    wrong = []
    for kind in TEXTS:
        category = KINDS[kind].category
        link = unsubscribe_url(workspace, "a@example.com", category.key) if category.optional else ""
        page.set_content(rendered(letter_of(sample(kind, workspace), category, unsubscribe=link)).html)
        page.evaluate(AXE)
        for theme, width in (("light", 640), ("dark", 390)):
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 800})
            if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
                wrong.append(f"{kind}, {theme}: {wide} px wide of {width}")
            wrong += [f"{kind}, {theme}: {each['id']}" for each in page.evaluate(RUN_AXE, ["html", OF_MAILS])]
    page.close()
    assert wrong == []
    assert asked == []  # nothing is loaded from anywhere


def test_a_person_chooses_and_unsubscribes(workspace: Workspace, visit: Visiting) -> None:
    tab = visit()
    path = f"/w/{workspace.public_id}/emails"
    assert tab.wrong_at(path, "What roles get") == []
    tab.page.get_by_label("Credits that come and go", exact=True).uncheck()
    tab.page.get_by_role("button", name="Save what I get").click()
    assert tab.page.get_by_text("Saved.").is_visible()
    assert MailWish.objects.get().category == "credits"
    tab.page.get_by_label("Usage alerts: Viewer").check()
    tab.page.get_by_role("button", name="Save what roles get").click()
    assert (RoleMail.objects.get().role, RoleMail.objects.get().category) == ("viewer", "usage")
    link = unsubscribe_url(workspace, "alice@example.com", "budgets").partition("localhost:8000")[2]
    assert tab.wrong_at(link, "Stop these e-mails?") == []
    tab.page.get_by_role("button", name="Stop these e-mails").click()
    assert tab.page.get_by_text("You are unsubscribed").is_visible()
    tab.page.get_by_role("button", name="Send them again").click()
    assert tab.page.get_by_text("You get them again").is_visible()
