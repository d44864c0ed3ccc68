"""What the summary and the overview call spent is what left the wallet, add-ons with it, and told apart."""

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from accounts.models import Workspace
from accounts.tests.quartet import page
from billing.api.balances import summary
from billing.api.tests.conftest import Api, key_of, prices, usage_event
from billing.api.tests.test_openapi import check
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.models import Transfer
from billing.plans.addons.tests.conftest import START, day, fund, put, sound, work

__all__ = ["prices"]
pytestmark = pytest.mark.django_db


def test_usage_of_the_summary_is_what_left_the_wallet(team: Workspace, prices: None) -> None:
    fund(team, 5_000)
    put(team, "concurrency", 1, at=START)
    backend = Api(key_of(None), **{"Purser-Workspace": team.public_id})
    for at in (day(2, 10), day(2, 28, 12)):
        work(at)
        with clock.at(at):
            done = backend.post("/api/v1/usage", usage_event(f"r{at:%d}", occurred_at=at.isoformat()))
            assert done.status == 201
    with clock.at(day(2, 28, 13)):
        found = summary(team)
        answer = Api(key_of(team)).get("/api/v1/credits/summary")
        check(answer, "/api/v1/credits/summary", "get")
    left = Transfer.objects.filter(workspace=team, kind__in=["usage.spend", "addon.spend"])
    for name, since in (("today", day(2, 28, 0, 0)), ("thisMonth", day(2, 1, 0, 0))):
        spent = left.filter(created_at__gte=since).aggregate(nano=Sum("amount"))["nano"]
        assert found["usage"][name] == Decimal(spent) / NANO
        assert found["breakdown"]["addons"][name] == 500
    assert found["usage"]["thisMonth"] > found["usage"]["today"] > 500
    assert answer.json["usage"] == found["usage"]
    sound(team)


def test_the_overview_says_it_too(team: Workspace, alice_client: Any) -> None:
    fund(team, 5_000)
    put(team, "concurrency", 1, at=START)
    with clock.at(day(1, 31, 12, 0)):
        shown = alice_client.get(page(team, "")).content.decode()
        assert "500 credits of it for add-ons" in shown
    with clock.at(day(2, 1, 12, 0)):
        assert "of it for add-ons" not in alice_client.get(page(team, "")).content.decode()
