"""As many requests at the same time as plan and add-ons let: open holds, counted under the wallet lock."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.cache import clear_all
from billing.ledger.book import open_book
from billing.ledger.hold_services import hold_release
from billing.ledger.models import Hold, Wallet
from billing.ledger.records import OperationDraft
from billing.ledger.selectors import balance
from billing.plans.addons.services import addon_set
from billing.plans.models import AddOn
from billing.usage.errors import ConcurrencyExceeded
from billing.usage.estimate import estimate
from billing.usage.tests.conftest import MINI, NOW
from billing.usage.tests.test_authorize import GIVEN, hold_for, on_plan, refused

ASKED: dict[str, Any] = {"usage": GIVEN}


def test_one_more_than_the_plan_lets_is_refused_until_one_ends(funded: Workspace) -> None:
    on_plan(funded, concurrency=2)
    first, second = hold_for(funded, key="k", **ASKED), hold_for(funded, expires_in=60, **ASKED)
    error = refused(funded, **ASKED)
    assert isinstance(error, ConcurrencyExceeded)
    assert (error.code, error.limit, error.open, error.RETRY_AFTER) == ("concurrency_exceeded", 2, 2, 1)
    assert "lets 2 requests run at the same time, and 2 are running" in str(error)
    assert hold_for(funded, key="k", **ASKED).replay  # what was given stays given
    hold_release(workspace_id=funded.pk, hold_id=first.hold_id, origin="service")
    hold_for(funded, **ASKED)
    assert refused(funded, **ASKED).code == "concurrency_exceeded"
    with clock.at(NOW + timedelta(seconds=60)):  # the second one's time is over, and nobody has posted that
        assert balance(funded.pk).open_holds == 1
        assert hold_for(funded, **ASKED).hold_id > second.hold_id
    assert Wallet.objects.get(pk=funded.pk).open_holds == 2


def test_an_estimate_tells_how_many_run_and_refuses_nothing(funded: Workspace) -> None:
    asked = {"model": MINI, **ASKED}
    assert estimate(workspace=funded, raw=asked).concurrency is None
    on_plan(funded, concurrency=1)
    hold_for(funded, **ASKED)
    found = estimate(workspace=funded, raw=asked)
    assert (found.concurrency, found.running, found.sufficient) == (1, 1, True)


def test_a_hold_that_is_for_no_request_takes_no_place(funded: Workspace) -> None:
    on_plan(funded, concurrency=1)
    with open_book(funded.pk) as book:
        operation = OperationDraft("voice", "hold:job", bytes(32), "hold.place")
        book.hold(operation=operation, amount=NANO, expires_at=book.now + timedelta(hours=24), origin="voice")
    assert balance(funded.pk).open_holds == 1
    assert estimate(workspace=funded, raw={"model": MINI, **ASKED}).running == 0
    hold_for(funded, **ASKED)
    error = refused(funded, **ASKED)
    assert isinstance(error, ConcurrencyExceeded)
    assert (error.limit, error.open) == (1, 1)


def test_an_add_on_raises_it(funded: Workspace) -> None:
    on_plan(funded, concurrency=1)
    AddOn.objects.filter(key="concurrency").update(monthly_credits=1)
    hold_for(funded, **ASKED)
    assert refused(funded, **ASKED).code == "concurrency_exceeded"
    addon_set(workspace=funded, addon_key="concurrency", quantity=2, key="k", actor="tests")
    clear_all()
    for _ in range(10):
        hold_for(funded, **ASKED)
    assert refused(funded, **ASKED).code == "concurrency_exceeded"
    assert Hold.objects.count() == 11


@pytest.mark.parametrize("body", [{"max_credits": 1}, {"text": "hi"}, {"usage": {"messages": 0}, "model": ""}])
def test_every_way_to_ask_counts(funded: Workspace, body: dict[str, Any]) -> None:
    on_plan(funded, concurrency=1)
    hold_for(funded, **body)
    assert refused(funded, **body).code == "concurrency_exceeded"
