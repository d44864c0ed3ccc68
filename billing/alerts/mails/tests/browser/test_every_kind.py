"""Every kind of mail in a browser, light and dark, at the width of a mail program and of a phone."""

import re

import pytest
from playwright.sync_api import Browser

from accounts.models import User, Workspace
from billing.alerts.mails.tests.specimens import written
from billing.foundation.mail.tests.samples import WORST
from billing.overview.tests.browser.conftest import AXE, RUN_AXE

# What axe has to say of pages, and not of mails: they have no landmarks.
OF_MAILS = ["color-contrast", "link-name", "image-alt", "list", "document-title", "html-has-lang", "link-in-text-block"]
BODY = re.compile(r"(.*<body[^>]*>)(.*)(</body>.*)", re.DOTALL)
ELEMENT = re.compile(r"<\w+[^>]*?(?= href=| aria-hidden|>)")
TOO_WIDE = """width => [...document.querySelectorAll("section")].filter(mail => mail.scrollWidth > width)
    .map(mail => mail.id)"""


@pytest.mark.django_db(transaction=True)
def test_mails_are_read_well_in_both_themes_and_on_a_phone(browser: Browser, workspace: Workspace, alice: User) -> None:
    """All below each other in one document: their style is the same. Axe looks at those with elements that no other one
    before had.
    """
    workspace.name = f"{WORST} {'long' * 15}"
    workspace.save()
    sections, before, after, seen = "", "", "", set[str]()
    for mail in written(workspace, alice):
        found = BODY.fullmatch(mail.html)
        assert found is not None
        before, inner, after = found.groups()
        built = set(ELEMENT.findall(inner))
        sections += f'<section id="{mail.pk} {mail.kind}"{"" if built <= seen else " class=look"}>{inner}</section>'
        seen |= built
    page = browser.new_page(viewport={"width": 600, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(before + sections + after)
    page.evaluate(AXE)
    wrong = []
    for theme, width in (("light", 600), ("dark", 390)):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 800})
        wrong += [f"{kind}, {theme}: wider than {width} px" for kind in page.evaluate(TOO_WIDE, width)]
        wrong += [
            f"{theme}: {each['id']}: {node['html'][:200]}"
            for each in page.evaluate(RUN_AXE, ["section.look", OF_MAILS])
            for node in each["nodes"]
        ]
    page.close()
    assert wrong == []
    assert asked == []  # nothing is loaded from anywhere
