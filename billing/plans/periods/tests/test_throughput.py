"""How fast thousands of due periods are opened, beside the plainest thing a database can do with the same lots."""

import time
from datetime import UTC, datetime

import psutil
import pytest
from django.db import connection

from billing.ledger.models import Lot
from billing.ledger.verify import verify
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.plans.periods.due import roll

START, NEXT = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)
MIB = 2**20


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("customers", [300, pytest.param(100_000, marks=pytest.mark.slow)])
def test_due_grants_at_a_good_rate_in_flat_memory(customers: int, capsys: pytest.CaptureFixture[str]) -> None:
    make(customers)
    done, batches, seconds, used = 0, 0, 0.0, [memory()]
    while True:
        begun = time.perf_counter()
        opened = roll(now=NEXT)
        if not opened:
            break
        seconds += time.perf_counter() - begun
        done, batches = done + opened, batches + 1
        used.append(memory())
    lots = Lot.objects.filter(effective_at=NEXT)
    assert (done, lots.count()) == (customers, customers)
    assert Subscription.objects.filter(period=1).count() == customers
    middle = len(used) // 2
    assert max(used[middle:]) - max(used[:middle]) < 16 * MIB  # the second half needs no more than the first
    plain = plain_insert()
    with capsys.disabled():
        print(
            f"\n{customers:,} due grants: {customers / seconds:,.0f} a second, {seconds:.1f} s in all, a batch of 50 in"
            f" {1_000 * seconds / batches:.0f} ms, {(max(used) - used[0]) / MIB:.1f} MiB more than before, of which"
            f" {(max(used[middle:]) - max(used[:middle])) / MIB:.1f} MiB in the second half;"
            f" one INSERT … SELECT of the same lots: {customers / plain:,.0f} a second"
        )
    for workspace_id in lots.order_by("?").values_list("workspace_id", flat=True)[:5]:
        assert verify(workspace_id=workspace_id).problems == []


def memory() -> int:
    """What this process has now, in bytes."""
    return int(psutil.Process().memory_info().rss)


def make(customers: int) -> None:
    """As many workspaces whose first period is open and whose second one is due."""
    plan = Plan.objects.create(key="many", name="Many")
    version = PlanVersion.objects.create(plan=plan, number=1, monthly_credits=10**11, published_at=START)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_workspace (public_id, name, time_zone, usage_write_allowed, created_at)"
            " SELECT 'ws_' || n, 'Customer ' || n, 'UTC', false, %s FROM generate_series(1, %s) n",
            [START, customers],
        )
        cursor.execute(
            "INSERT INTO plans_subscription (workspace_id, version_id, interval, status, anchor, period,"
            " next_period_at, started_at, next_interval)"
            " SELECT id, %s, '', 'active', %s, 0, %s, %s, '' FROM accounts_workspace",
            [version.pk, START, NEXT, START],
        )
        cursor.execute("ANALYZE accounts_workspace, plans_subscription")  # not the ledger: it is not empty for long


def plain_insert() -> float:
    """Seconds for the same rows of the same table, without keys, chain, wallets or anything else."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE plain (LIKE ledger_lot INCLUDING DEFAULTS)")
        columns = "id, workspace_id, operation_id, seq, source, label, amount, remaining, held, priority, effective_at"
        columns += ", expires_at, scheduled, unit_price_usd, created_at"
        begun = time.perf_counter()
        cursor.execute(f"INSERT INTO plain ({columns}) SELECT {columns} FROM ledger_lot")
        return time.perf_counter() - begun
