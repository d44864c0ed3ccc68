"""The pages on which people choose what they get."""

import pytest

from accounts.models import Workspace
from billing.foundation.mail.links import unsubscribe_url
from billing.foundation.mail.models import MailWish, RoleMail
from billing.overview.tests.browser.conftest import Visiting

pytestmark = pytest.mark.django_db(transaction=True)


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
