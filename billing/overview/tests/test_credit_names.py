"""A credit is called what the operator calls it, on every page that customers have."""

import re

import pytest
from django.test import Client
from django.utils.html import strip_tags

from accounts.models import User, Workspace
from billing.credits.units import NANO
from billing.foundation.site.services import site_update
from billing.ledger.services import credits_grant

pytestmark = pytest.mark.django_db
PAGES = (
    *("", "usage", "activity", "credits", "credits/holds", "statements", "alerts", "plan", "team", "credits/buy"),
    *("credits/purchases", "budgets", "webhooks", "settings", "emails", "addons", "resources", "credits/proof"),
)
CREDIT = re.compile(r"(?<![\w./_-])credits?(?![\w/_-]| note| card)", re.IGNORECASE)


@pytest.mark.parametrize("full", [False, True], ids=["nothing yet", "with a lot"])
def test_no_page_says_credit_where_it_is_called_otherwise(
    alice_client: Client, alice: User, workspace: Workspace, full: bool
) -> None:
    if full:
        credits_grant(workspace_id=workspace.pk, key="a", amount=5 * NANO, label="Gift")
    site_update(changes={"credit_name": "voice token", "credit_name_plural": "voice tokens"}, actor=alice)
    found, opened = [], 0
    for page in PAGES:
        answer = alice_client.get(f"/w/{workspace.public_id}/{page}")
        if answer.status_code == 404:
            continue
        opened += 1
        text = strip_tags(re.sub(r"<(script|style|head).*?</\1>", "", answer.content.decode(), flags=re.DOTALL))
        found += [
            f"{page}: {' '.join(text[max(0, m.start() - 30) : m.end() + 30].split())}" for m in CREDIT.finditer(text)
        ]
    assert found == []
    assert opened > 12
