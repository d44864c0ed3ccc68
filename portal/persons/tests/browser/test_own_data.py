"""The pages of a person's own data, in the colours and with the logo of an operator."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.foundation.site.logos import logo_save
from billing.foundation.site.services import site_update
from billing.foundation.tests.test_look import png
from billing.overview.tests.browser.conftest import Visiting

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_person_takes_the_data_along_and_is_forgotten(
    workspace: Workspace, alice: User, bob: User, visit: Visiting, tmp_path: Path
) -> None:
    site_update(
        changes={"product_name": "Coin", "accent_light": "#0f766e", "logo": logo_save(png(40, 40))}, actor=alice
    )
    tab = visit()
    assert tab.wrong_at("/profile/data", "It is the only owner of “Northwind AI”") == []
    assert tab.page.locator(".brand__logo").first.evaluate("image => image.naturalWidth") == 40
    with tab.page.expect_download() as arriving:
        tab.page.get_by_role("button", name="Download JSON").click()
        tab.page.get_by_label("Password").fill("correct horse 1")
        tab.page.get_by_role("button", name="Confirm").click()
    file = tmp_path / "data.json"
    arriving.value.save_as(file)
    assert json.loads(file.read_text())["person"] == "alice@example.com"
    Membership.objects.filter(user=bob).update(role=Role.OWNER)
    tab.open("/profile/data").get_by_role("link", name="Delete my account…").click()
    assert tab.wrong() == []
    tab.page.get_by_label("Your e-mail address").fill("alice@example.com")
    tab.page.get_by_label("I know that this cannot be undone").check()
    tab.page.get_by_role("button", name="Delete my account").click()
    expect(tab.page.get_by_text("Your account was deleted.")).to_be_visible()
    assert User.objects.get(pk=alice.pk).erased_at is not None
