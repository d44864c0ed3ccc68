"""The pages of webhooks: clean for axe, on a phone as well, in both themes; and what a person does on them."""

import pytest

from accounts.models import Workspace
from billing.alerts.webhooks.delivery import deliver
from billing.alerts.webhooks.models import WebhookDelivery, WebhookEndpoint
from billing.alerts.webhooks.tests.conftest import Make, Receiver, answer, emit
from billing.overview.tests.browser.conftest import Visit, Visiting


@pytest.mark.django_db(transaction=True)
def test_added_tested_and_looked_at(
    workspace: Workspace, tab: Visit, visit: Visiting, endpoint: Make, receiver: Receiver
) -> None:
    url = f"/w/{workspace.public_id}/webhooks/"
    wide, phone = tab, visit(width=390, theme="dark")
    for each in (wide, phone):
        assert each.open(url).get_by_text("No webhooks yet").is_visible()
        assert each.violations() == []
    page = wide.open(url + "new")
    assert wide.violations() == []
    page.get_by_label("Address").fill(receiver.url + "/a/rather/long/path/that/does/not/fit/on/a/phone/at/all")
    page.get_by_label("balance.low", exact=False).check()
    page.get_by_role("button", name="Add webhook").click()
    assert page.locator("#new-secret").inner_text().startswith("whsec_")
    assert wide.violations() == []
    page.get_by_role("link", name="I have kept it").click()
    page.get_by_role("button", name="Send a test").click()
    assert page.get_by_text("Not attempted yet").is_visible()
    receiver.script = [answer(500, b"x" * 900)]
    deliver()
    emit(workspace)
    deliver()
    made, row = WebhookEndpoint.objects.get(), WebhookDelivery.objects.order_by("pk")[0]
    own = f"{url}{made.public_id}/"
    delivery = f"{own}deliveries/{row.pk}"
    for path in (url, own, f"{own}edit", f"{own}rotate", f"{own}delete", delivery):
        wide.open(path)
        assert wide.wrong() == []
        if wide.whole or path in (own, delivery):  # on which the most is
            phone.open(path)
            assert (path, phone.violations(), phone.width()) == (path, [], 390)
