"""Lots start and expire at their instant, whether or not a scheduler is on time."""

from datetime import timedelta

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.due.registry import Job, run_job
from billing.ledger.jobs import LedgerDrift, expire_lots
from billing.ledger.models import Lot, Operation, Transfer, Wallet
from billing.ledger.selectors import balance, expiring
from billing.ledger.services import wallet_settle
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, grant, spend

SECOND = timedelta(seconds=1)


def test_expired_credits_cannot_be_spent_nor_seen_a_second_later(ws: int) -> None:
    grant(ws, 100, expires=NOON + DAY, now=NOON)
    assert balance(ws, NOON + DAY - SECOND).available == 100
    assert balance(ws, NOON + DAY).available == 0
    assert balance(ws, NOON + DAY).state == "stopped"
    assert spend(ws, 10, now=NOON + DAY + SECOND).debt == 10
    expired = Transfer.objects.get(kind="lot.expire")
    assert (expired.amount, expired.occurred_at, expired.created_at) == (100, NOON + DAY, NOON + DAY + SECOND)
    assert_clean(ws)


def test_a_lot_is_usable_until_just_before_its_instant(ws: int) -> None:
    grant(ws, 100, expires=NOON + DAY, now=NOON)
    assert spend(ws, 40, now=NOON + DAY - SECOND).covered == 40
    wallet_settle(workspace_id=ws, now=NOON + DAY)
    assert Transfer.objects.get(kind="lot.expire").amount == 60
    assert_clean(ws)


def test_a_future_lot_enters_at_its_instant_and_repays_debt(ws: int) -> None:
    grant(ws, 100, starts=NOON + DAY, now=NOON)
    spend(ws, 30, now=NOON + SECOND)
    assert (balance(ws, NOON + DAY - SECOND).available, balance(ws, NOON + DAY - SECOND).debt) == (0, 30)
    assert (balance(ws, NOON + DAY).available, balance(ws, NOON + DAY).debt) == (70, 0)
    assert spend(ws, 70, now=NOON + DAY).covered == 70
    kinds = list(Transfer.objects.order_by("seq").values_list("kind", flat=True))
    assert kinds == ["grant.operator", "usage.debt", "lot.start", "debt.repay", "usage.spend"]
    assert_clean(ws)


def test_overdue_lots_are_posted_in_the_order_of_their_instants(ws: int) -> None:
    first = grant(ws, 10, expires=NOON + 3 * DAY, now=NOON)
    brief = grant(ws, 20, starts=NOON + DAY, expires=NOON + 2 * DAY, now=NOON)
    later = grant(ws, 40, starts=NOON + 4 * DAY, now=NOON)
    assert balance(ws, NOON + 9 * DAY).available == 40
    wallet_settle(workspace_id=ws, now=NOON + 9 * DAY)
    found = Operation.objects.filter(namespace="ledger").order_by("id").values_list("key", flat=True)
    assert [key.rsplit(":", 1)[0] for key in found] == [
        f"start:{brief}",
        f"expire:{brief}",
        f"expire:{first}",
        f"start:{later}",
    ]
    assert balance(ws).available == 40
    assert Wallet.objects.get(pk=ws).next_due_at is None
    assert_clean(ws)


def test_a_lot_granted_after_its_expiry_repays_debt_and_is_gone(ws: int) -> None:
    spend(ws, 4, now=NOON)
    grant(ws, 10, starts=NOON - 9 * DAY, expires=NOON - DAY, now=NOON)
    assert (balance(ws, NOON).available, balance(ws, NOON).debt) == (0, 0)
    assert Transfer.objects.get(kind="lot.expire").amount == 6
    assert_clean(ws)


def test_the_wallet_knows_when_it_is_due_next(ws: int) -> None:
    grant(ws, 10, now=NOON)
    assert Wallet.objects.get(pk=ws).next_due_at is None
    grant(ws, 10, expires=NOON + 5 * DAY, now=NOON)
    grant(ws, 10, starts=NOON + 3 * DAY, now=NOON)
    assert Wallet.objects.get(pk=ws).next_due_at == NOON + 3 * DAY
    spend(ws, 1, now=NOON + 3 * DAY)
    assert Wallet.objects.get(pk=ws).next_due_at == NOON + 5 * DAY


def test_the_job_posts_what_is_due_and_nothing_twice(ws: int) -> None:
    grant(ws, 10, expires=NOON + DAY, now=NOON)
    with clock.at(NOON + 2 * DAY):
        assert expire_lots(now=clock.now(), limit=10) == 1
        assert expire_lots(now=clock.now(), limit=10) == 0
    assert Transfer.objects.filter(kind="lot.expire").count() == 1
    assert_clean(ws)


@pytest.fixture
def broken(db: None) -> int:
    """A workspace whose lot cannot expire."""
    pk = Workspace.objects.create(name="Broken").pk
    grant(pk, 10, expires=NOON + DAY, now=NOON)
    Wallet.objects.filter(pk=pk).update(available=0)
    Lot.objects.filter(workspace_id=pk).update(remaining=5)  # expiring 5 of nothing cannot be written
    return pk


def test_one_wallet_that_cannot_be_posted_does_not_stop_the_others(ws: int, broken: int) -> None:
    grant(ws, 10, expires=NOON + 2 * DAY, now=NOON)
    with pytest.raises(ExceptionGroup):
        expire_lots(now=NOON + 3 * DAY, limit=10)
    assert balance(ws).available == 0
    assert Transfer.objects.filter(workspace_id=ws, kind="lot.expire").exists()


def test_nor_does_it_slow_them_down(broken: int) -> None:
    others = [Workspace.objects.create(name=f"Customer {number}").pk for number in range(3)]
    for other in others:
        grant(other, 10, expires=NOON + 2 * DAY, now=NOON)
    with clock.at(NOON + 3 * DAY):
        run = run_job(Job("expire_lots", DAY, expire_lots), batch=2)
    assert "1 of 1 wallets could not be posted" in run.error
    assert {balance(other).available for other in others} == {0}
    assert Transfer.objects.filter(workspace_id__in=others, kind="lot.expire").count() == 3


def test_drift_is_an_error_of_the_hourly_job(ws: int) -> None:
    from billing.ledger.jobs import verify_ledger

    grant(ws, 10)
    assert verify_ledger(now=NOON, limit=100) == 0
    Wallet.objects.filter(pk=ws).update(available=11)
    with pytest.raises(LedgerDrift, match="available"):
        verify_ledger(now=NOON, limit=100)


def test_what_expires_soon_is_listed_soonest_first(ws: int) -> None:
    late = grant(ws, 10, expires=NOON + 20 * DAY, now=NOON)
    soon = grant(ws, 5, expires=NOON + 5 * DAY, now=NOON)
    grant(ws, 7, expires=NOON + 90 * DAY, now=NOON)
    found = expiring(ws, timedelta(days=30), NOON)
    assert [(each.lot_id, each.amount) for each in found] == [(soon, 5), (late, 10)]
    assert expiring(ws, timedelta(days=30), NOON + 5 * DAY)[0].lot_id == late
