"""Healthy, low, stopped; and telling others when it changes."""

from typing import Any

import pytest

from billing.ledger import hooks
from billing.ledger.records import Crossing
from billing.ledger.selectors import balance
from billing.ledger.services import low_bound_set, overdraft_set
from billing.ledger.state import balance_state
from billing.ledger.tests.helpers import DAY, NOON, grant, spend


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, "stopped"),
        ({"available": 10}, "healthy"),
        ({"available": 10, "low_bound": 10}, "healthy"),
        ({"available": 9, "low_bound": 10}, "low"),
        ({"available": 9, "held": 1, "low_bound": 10}, "healthy"),
        ({"held": 50}, "stopped"),
        ({"debt": 5}, "stopped"),
        ({"debt": 5, "overdraft_limit": 5}, "stopped"),
        ({"debt": 5, "overdraft_limit": 6, "low_bound": 1}, "low"),
        ({"debt": 0, "overdraft_limit": 6, "overdraft_held": 6}, "stopped"),
        ({"available": 1, "granted_any": False, "low_bound": 9}, "healthy"),
    ],
)
def test_state_of_a_balance(values: dict[str, Any], state: str) -> None:
    nothing: dict[str, Any] = {
        "available": 0,
        "held": 0,
        "debt": 0,
        "overdraft_limit": 0,
        "overdraft_held": 0,
        "low_bound": 0,
        "granted_any": True,
    }
    assert balance_state(**(nothing | values)) == state


@pytest.fixture
def crossings(monkeypatch: pytest.MonkeyPatch) -> list[Crossing]:
    told: list[Crossing] = []
    monkeypatch.setattr(hooks, "balance_crossed", [told.append])
    return told


def test_only_a_crossing_is_told_and_only_after_commit(
    ws: int, crossings: list[Crossing], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        grant(ws, 100)
        low_bound_set(workspace_id=ws, bound=50)
        spend(ws, 10)
        assert crossings == []
    assert [(each.before, each.after) for each in crossings] == [("stopped", "healthy")]
    with django_capture_on_commit_callbacks(execute=True):
        spend(ws, 41)
        spend(ws, 1)
        spend(ws, 60)
    assert [(each.before, each.after) for each in crossings[1:]] == [("healthy", "low"), ("low", "stopped")]
    assert crossings[-1].debt == 12


def test_granted_credits_are_told(
    ws: int, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[int] = []
    monkeypatch.setattr(hooks, "credits_granted", [told.append])
    with django_capture_on_commit_callbacks(execute=True):
        grant(ws, 100)
        spend(ws, 10)
    assert told == [ws]


def test_stopped_since_and_debt_since_are_kept_until_recovery(ws: int) -> None:
    grant(ws, 10, now=NOON)
    spend(ws, 10, now=NOON + DAY)
    spend(ws, 5, now=NOON + 2 * DAY)
    spend(ws, 5, now=NOON + 3 * DAY)
    now = balance(ws, NOON + 4 * DAY)
    assert (now.state, now.stopped_at, now.debt_since) == ("stopped", NOON + DAY, NOON + 2 * DAY)
    grant(ws, 11, now=NOON + 5 * DAY)
    now = balance(ws, NOON + 5 * DAY)
    assert (now.state, now.available, now.stopped_at, now.debt_since) == ("healthy", 1, None, None)


def test_an_overdraft_keeps_a_workspace_going_until_it_is_used(ws: int) -> None:
    overdraft_set(workspace_id=ws, limit=20)
    grant(ws, 10)
    spend(ws, 25)
    assert balance(ws).state == "healthy"
    assert balance(ws).debt == 15
    spend(ws, 5)
    assert balance(ws).state == "stopped"


def test_a_workspace_that_never_had_credits_is_new(ws: int) -> None:
    assert balance(ws).is_new
    assert balance(ws).stopped_at is None
    grant(ws, 1)
    spend(ws, 1)
    assert not balance(ws).is_new
