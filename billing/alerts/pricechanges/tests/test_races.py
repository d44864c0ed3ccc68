"""Two workers at the same moment tell everybody once."""

import pytest

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from billing.alerts.models import PriceNotice
from billing.alerts.pricechanges.jobs import price_news
from billing.alerts.pricechanges.tests.conftest import DAY, GPT, MINI, NOW, reprice, use
from billing.credits import clock
from billing.foundation.outbox.models import OutboxMessage
from billing.metering.tests.test_races import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_four_workers_tell_once(transactional_db: None, shop: Workspace, alice: User) -> None:
    houses = [shop]
    for number in range(4):
        houses.append(Workspace.objects.create(name=f"Other {number}"))
        Membership.objects.create(workspace=houses[-1], user=alice, role=Role.OWNER)
    for house in houses:
        use(house)
        use(house, GPT, input_tokens=1_000)
    reprice(MINI, "input_tokens", "0.3", at=NOW + DAY)
    reprice(GPT, "input_tokens", "3", at=NOW + DAY)

    def work() -> int:
        with clock.at(NOW):
            return price_news(now=NOW, limit=100)

    results = together(*[work] * 4)
    assert sum(results) == len(houses)
    messages = OutboxMessage.objects.filter(kind="prices.changed")
    assert sorted(messages.values_list("workspace", flat=True)) == sorted(house.pk for house in houses)
    assert all(message.subject == f"2 models cost {message.workspace} more from 11 March" for message in messages)
    assert PriceNotice.objects.count() == 2 * len(houses)
