"""Who is told of credits: of one workspace at once, of a batch together."""

from collections.abc import Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.ledger import hooks
from billing.plans import granted
from billing.plans.granted import credits_were_granted, granted_together
from billing.plans.periods.due import roll
from billing.plans.periods.tests.test_throughput import NEXT, make


def test_a_batch_is_told_together_and_one_alone_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[int]] = []
    monkeypatch.setattr(granted, "credits_came_in", [lambda ids: told.append(list(ids))])
    credits_were_granted(5)
    with granted_together():
        for workspace_id in (3, 1, 3):
            credits_were_granted(workspace_id)
        assert told == [[5]]
    assert told == [[5], [1, 3]]


def test_what_fails_for_one_is_told_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[int] = []
    second: list[list[int]] = []

    def fails_for_2(ids: Sequence[int]) -> None:
        if 2 in ids:
            raise ValueError(2)
        first.extend(ids)

    monkeypatch.setattr(granted, "credits_came_in", [fails_for_2, lambda ids: second.append(list(ids))])
    with granted_together():
        for workspace_id in (1, 2, 3):
            credits_were_granted(workspace_id)
    assert first == [1, 3]
    assert second == [[1, 2, 3]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("alerts", "most"), [(False, 20), (True, 35)], ids=["plans", "with alerts"])
def test_a_batch_of_periods_asks_no_more_of_the_database_than_a_few(
    monkeypatch: pytest.MonkeyPatch, alerts: bool, most: int
) -> None:
    """Add-ons, resources and the low bound are looked at for all of them at once; and so are usage alerts, webhooks
    and mails.
    """
    if not alerts:
        own = [listener for listener in granted.credits_came_in if listener.__module__.startswith("billing.plans")]
        assert len(own) == 3
        monkeypatch.setattr(granted, "credits_came_in", own)
        monkeypatch.setattr(hooks, "balance_crossed", [])
    make(60)
    asked = []
    for limit in (10, 50):
        with CaptureQueriesContext(connection) as queries:
            assert roll(now=NEXT, limit=limit) == limit
        asked.append(len(queries))
    assert asked[0] == asked[1] < most
