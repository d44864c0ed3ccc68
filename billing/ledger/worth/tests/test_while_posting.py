"""Sums and lots agree at every moment: also while requests come in, and while several workers write the sums."""

from decimal import Decimal
from threading import Event, Thread

import pytest
from django.db import connection

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.services import credits_grant
from billing.ledger.tests.helpers import place, settle, spend
from billing.ledger.trial.flows import snapshot
from billing.ledger.verify import verify
from billing.ledger.worth.figures import value, worth_of
from billing.ledger.worth.flows import priced_flows, unspent
from billing.ledger.worth.models import SummedUntil
from billing.ledger.worth.sums import days_catch_up, days_sum


def _post(ws: int, stop: Event, failures: list[BaseException]) -> None:
    try:
        number = 0
        while not stop.is_set():
            number += 1
            price = Decimal(number % 3) / 1_000
            credits_grant(
                workspace_id=ws, key=f"n{number}", amount=10, source="bought", label="Pack", unit_price_usd=price
            )
            spend(ws, 13)
            settle(ws, place(ws, 0, now=clock.now()), 4, now=clock.now())
            days_sum(limit=3)  # of all workspaces: the threads meet at their rows
    except BaseException as failure:
        failures.append(failure)
    finally:
        connection.close()


def _agree() -> None:
    with snapshot():
        flows = priced_flows([clock.now().date().replace(day=1)])
        there = sum(value(row.amount, row.unit_price_usd) for row in unspent())
    assert worth_of(flows).change == there


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_portions")
def test_they_agree_while_others_post() -> None:
    workspaces = [Workspace.objects.create(name=str(number)).pk for number in range(3)]
    stop, failures = Event(), list[BaseException]()
    threads = [Thread(target=_post, args=(ws, stop, failures)) for ws in workspaces]
    for thread in threads:
        thread.start()
    try:
        for _ in range(60):
            _agree()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert SummedUntil.objects.filter(seq__gt=0).count() == 3
    days_catch_up()
    _agree()
    assert verify().problems == []
