"""The difference is zero at every moment: also while requests come in, holds settle and sums are written."""

from threading import Event, Thread

import pytest
from django.db import connection

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.tests.helpers import grant, place, settle, spend
from billing.ledger.trial.balance import trial_balance
from billing.ledger.trial.models import FlowSum
from billing.ledger.trial.statement import Statement, statement
from billing.ledger.trial.sums import sums_write
from billing.ledger.trial.tests.sheet import check, days_of


def _post(ws: int, stop: Event, failures: list[BaseException]) -> None:
    try:
        while not stop.is_set():
            grant(ws, 10, source="bought")
            spend(ws, 13)
            hold = place(ws, 0, now=clock.now())
            settle(ws, hold, 4, now=clock.now())
            sums_write(limit=3)
    except BaseException as failure:
        failures.append(failure)
    finally:
        connection.close()


def _sheet(ws: int) -> Statement:
    now = clock.now()
    return statement(ws, days_of(now.year, now.month), now=now)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("short_spans")
def test_it_is_zero_while_others_post() -> None:
    workspaces = [Workspace.objects.create(name=str(number)).pk for number in range(3)]
    stop, failures = Event(), list[BaseException]()
    threads = [Thread(target=_post, args=(ws, stop, failures)) for ws in workspaces]
    for thread in threads:
        thread.start()
    try:
        for _ in range(40):
            trial = trial_balance()
            assert trial.problems == ()
            assert {row.difference for row in (*trial.to_date, *trial.in_month)} == {0}
            check(workspaces[0], _sheet(workspaces[0]))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert FlowSum.objects.count() > 0
    assert trial_balance().ok
