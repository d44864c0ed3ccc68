"""The bound at which a usage alert may be due: told once a fall, without a statement more; set for many at once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger import hooks
from billing.ledger.models import Wallet
from billing.ledger.services import alert_bounds_set, credits_adjust, credits_grant
from billing.ledger.tests.helpers import place, release, settle

pytestmark = pytest.mark.django_db(transaction=True)


def adjust(workspace: Workspace, credits: int, key: str) -> None:
    credits_adjust(workspace_id=workspace.pk, key=key, amount=credits * NANO, reason="test", actor="test")


@pytest.fixture
def told(workspace: Workspace) -> list[int]:
    """150 credits, and a bound of 100."""
    credits_grant(workspace_id=workspace.pk, key="opening", amount=150 * NANO, label="Opening")
    assert alert_bounds_set({workspace.pk: 100 * NANO}) == []
    heard: list[int] = []
    hooks.alert_bound_crossed.append(heard.append)  # `only_the_ledger` puts the list back
    return heard


def test_each_fall_is_told_once_and_holds_do_not_make_it_flap(workspace: Workspace, told: list[int]) -> None:
    adjust(workspace, -50, "to the bound")
    hold = place(workspace.pk, 80 * NANO, now=clock.now())
    release(workspace.pk, hold, now=clock.now())
    assert told == []
    adjust(workspace, -1, "below")
    adjust(workspace, -10, "further")
    assert told == [workspace.pk]
    adjust(workspace, 20, "above")
    adjust(workspace, -20, "below again")
    assert told == [workspace.pk] * 2


def test_a_bound_below_zero_counts_what_is_owed(workspace: Workspace, told: list[int]) -> None:
    alert_bounds_set({workspace.pk: -40 * NANO})
    hold = place(workspace.pk, 100 * NANO, now=clock.now())
    settle(workspace.pk, hold, 190 * NANO, now=clock.now())
    assert told == []
    hold = place(workspace.pk, 0, now=clock.now())
    settle(workspace.pk, hold, 1 * NANO, now=clock.now())
    assert told == [workspace.pk]


def test_many_are_set_in_one_statement_which_says_who_is_below(workspace: Workspace, told: list[int]) -> None:
    other = Workspace.objects.create(name="Other")
    credits_grant(workspace_id=other.pk, key="opening", amount=10 * NANO, label="Opening")
    with CaptureQueriesContext(connection) as queries:
        assert alert_bounds_set({other.pk: 11 * NANO, workspace.pk: 150 * NANO, 10**9: None}) == [other.pk]
    assert len(queries) == 1
    assert alert_bounds_set({other.pk: None}) == []
    assert list(Wallet.objects.order_by("pk").values_list("alert_bound", flat=True)) == [150 * NANO, None]
    adjust(workspace, -1, "below")
    adjust(other, -1, "no bound")
    assert told == [workspace.pk]
