"""The bound under which a top-up is due: told once a fall, by the row that a spend locks anyway."""

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger import hooks
from billing.ledger.models import Wallet
from billing.ledger.services import credits_adjust, credits_grant, topup_bound_set
from billing.ledger.tests.helpers import place, release, settle

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(workspace: Workspace) -> Iterator[list[int]]:
    """150 credits, and a bound of 100."""
    credits_grant(workspace_id=workspace.pk, key="opening", amount=150 * NANO, label="Opening")
    topup_bound_set(workspace_id=workspace.pk, bound=100 * NANO)
    heard: list[int] = []
    hooks.topup_bound_crossed.append(heard.append)
    yield heard
    hooks.topup_bound_crossed.remove(heard.append)


def adjust(workspace: Workspace, credits: int, key: str) -> None:
    credits_adjust(workspace_id=workspace.pk, key=key, amount=credits * NANO, reason="test", actor="test")


def test_each_fall_is_told_once(workspace: Workspace, told: list[int]) -> None:
    adjust(workspace, -50, "to the bound")
    assert told == []
    adjust(workspace, -1, "below")
    adjust(workspace, -10, "further")
    assert told == [workspace.pk]
    adjust(workspace, 20, "above")
    adjust(workspace, -20, "below again")
    assert told == [workspace.pk] * 2


def test_holds_do_not_make_it_flap_and_what_is_owed_counts(workspace: Workspace, told: list[int]) -> None:
    now = clock.now()
    hold = place(workspace.pk, 120 * NANO, now=now)
    release(workspace.pk, hold, now=now)
    assert told == []
    hold = place(workspace.pk, 120 * NANO, now=now)
    settle(workspace.pk, hold, 300 * NANO, now=now)
    assert told == [workspace.pk]
    adjust(workspace, 200, "150 of it repay")
    adjust(workspace, 60, "above")
    adjust(workspace, -20, "below")
    assert told == [workspace.pk] * 2


def test_without_a_bound_nothing_is_told(workspace: Workspace, told: list[int]) -> None:
    topup_bound_set(workspace_id=workspace.pk, bound=0)
    adjust(workspace, -150, "all")
    assert told == []


def test_what_is_rolled_back_is_not_told(workspace: Workspace, told: list[int]) -> None:
    with transaction.atomic():
        adjust(workspace, -150, "all")
        transaction.set_rollback(True)
    assert told == []


def test_the_bound_stays_whatever_is_posted_and_is_not_negative(workspace: Workspace, told: list[int]) -> None:
    adjust(workspace, -60, "spent")
    assert Wallet.objects.get(pk=workspace.pk).topup_bound == 100 * NANO
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_wallet SET topup_bound = -1")
