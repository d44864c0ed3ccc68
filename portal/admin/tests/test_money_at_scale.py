"""The Money page of a busy month: a thousand workspaces, a hundred thousand lots, opens in under a second."""

import time

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User, Workspace
from portal.testing.fixtures import client_of

WORKSPACES, LOTS, DAYS, HOURS = 1_000, 100, 40, 6

_WALLETS = """
INSERT INTO ledger_wallet (workspace_id, available, held, debt, overdraft_held, overdraft_limit, seq, digest, low_bound,
    granted_any) SELECT id, 0, 0, 0, 0, 0, 0, '\\x00', 0, true FROM accounts_workspace ON CONFLICT DO NOTHING
"""
_OPERATIONS = """
INSERT INTO ledger_operation (workspace_id, namespace, key, request_hash, kind, result, actor, reason, created_at)
SELECT id, 'test', 'scale', '\\x00', 'grant.pack', '{}', '', '', now() FROM accounts_workspace
"""
_LOTS = """
INSERT INTO ledger_lot (workspace_id, operation_id, seq, source, label, amount, remaining, held, priority, effective_at,
    expires_at, scheduled, unit_price_usd, created_at)
SELECT workspace_id, id, n, 'bought', 'Pack', 1000000000000, CASE WHEN n %% 3 = 0 THEN 500000000000 ELSE 0 END, 0, 0,
    now(), NULL, false, 0.005, now() FROM ledger_operation, generate_series(1, %s) n WHERE key = 'scale'
"""
_SUMS = """
INSERT INTO worth_{of} (workspace_id, day, kind, debit, credit, source, unit_price_usd, amount)
SELECT w.id, {day}, kind, debit, credit, source, price + (w.id %% 7) * 0.0001, sum(1000000000)
FROM generate_series(0, %s) d, accounts_workspace w, (VALUES
    ('usage.spend', 'available', 'spent', 'bought', 0.004), ('usage.spend', 'available', 'spent', 'plan', 0.003),
    ('hold.place', 'available', 'held', 'plan', 0.003), ('hold.settle', 'held', 'spent', 'plan', 0.003)
) moved(kind, debit, credit, source, price) GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
_SERIES = """
INSERT INTO metering_series (workspace_id, digest, provider, model, meter, task, agent, app, created_on)
SELECT w.id, decode(md5(w.id || '-' || m || '-' || k), 'hex'), 'maker' || m % 5, 'model' || m, k, '', '', '',
    current_date
FROM accounts_workspace w, generate_series(0, 9) m, (VALUES ('input_tokens'), ('output_tokens')) meter(k)
"""
_HOURS = """
INSERT INTO metering_hourusage (workspace_id, hour, series_id, quantity, amount, requests, upstream)
SELECT workspace_id, date_trunc('day', now(), 'UTC') - make_interval(days => d) + make_interval(hours => h), id, 1000,
    5000000, 3, 20000
FROM generate_series(%s, 0, -1) d, generate_series(1, %s) h, metering_series WHERE (id + d + h) %% 8 = 0
"""


@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "?by=workspace&order=loss"])
def test_a_busy_month_opens_in_under_a_second(alice: User, query: str) -> None:
    Workspace.objects.bulk_create(Workspace(name=f"W{n}", public_id=f"ws_scale{n}") for n in range(WORKSPACES))
    with connection.cursor() as cursor:
        cursor.execute(_WALLETS)
        cursor.execute(_OPERATIONS)
        cursor.execute(_LOTS, [LOTS])
        for of, day in (("daysum", "current_date - d"), ("monthsum", "date_trunc('month', current_date - d)::date")):
            cursor.execute(_SUMS.format(of=of, day=day), [DAYS])
        cursor.execute(_SERIES)
        cursor.execute(_HOURS, [DAYS, HOURS])
        cursor.execute("ANALYZE")
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client = client_of(User.objects.get(pk=alice.pk))
    for address in (f"/admin/money/{query}", "/admin/"):
        assert min(_seconds(client, address) for _ in range(3)) < 1


def _seconds(client: Client, address: str) -> float:
    started = time.perf_counter()
    assert client.get(address).status_code == 200
    return time.perf_counter() - started
