"""Kept sums: written once, the same as the transfers, found when they are not."""

from datetime import timedelta

import pytest
from django.db import connection

from billing.foundation.due.registry import run_due
from billing.ledger.tests.helpers import DAY, NOON, assert_clean, grant, place, settle, spend
from billing.ledger.trial.flows import Flow, flows
from billing.ledger.trial.models import FlowSum
from billing.ledger.trial.sums import sums_catch_up, sums_write
from billing.ledger.verify import verify

pytestmark = pytest.mark.usefixtures("short_spans")


@pytest.fixture
def busy(ws: int) -> int:
    """Fifteen transfers over ten days."""
    grant(ws, 10, now=NOON)
    grant(ws, 30, source="plan", starts=NOON + 2 * DAY, expires=NOON + 8 * DAY, now=NOON)
    for day in range(7):
        spend(ws, 5, now=NOON + day * DAY)
    hold = place(ws, 4, now=NOON + 7 * DAY)
    settle(ws, hold, 3, now=NOON + 7 * DAY)
    grant(ws, 50, source="bought", now=NOON + 9 * DAY)
    return ws


def test_sums_make_no_difference(busy: int) -> None:
    edges = [NOON + hours * timedelta(hours=5) for hours in range(50)]
    without = flows(busy, edges)
    sums_catch_up()
    assert FlowSum.objects.count() > 5
    assert flows(busy, edges) == without
    assert flows(busy, [])[0].bucket == 0
    total = {(flow.kind, flow.source): flow.amount for flow in flows(busy, [])}
    for kind, source in total:
        assert total[kind, source] == sum(f.amount for f in without if (f.kind, f.source) == (kind, source))


def test_each_part_has_the_source_of_its_lot(busy: int) -> None:
    found = {(flow.kind, flow.debit, flow.credit, flow.source): flow.amount for flow in flows(busy, [])}
    assert found["grant.operator", "issued", "scheduled", "plan"] == 30
    assert found["lot.start", "scheduled", "available", "plan"] == 30
    assert found["usage.spend", "available", "spent", "promotion"] == 10
    assert found["hold.settle", "held", "spent", "plan"] == 3
    assert found["lot.expire", "available", "expired", "plan"] > 0
    assert ("usage.spend", "available", "spent", "") not in found


def test_usage_on_debt_has_no_source_and_its_repayment_has(ws: int) -> None:
    spend(ws, 5, now=NOON)
    grant(ws, 9, source="bought", now=NOON)
    assert flows(ws, [NOON]) == [
        Flow(1, "debt.repay", "available", "debt", "bought", 5),
        Flow(1, "grant.operator", "issued", "available", "bought", 9),
        Flow(1, "usage.debt", "debt", "spent", "", 5),
    ]


def test_a_stamp_on_an_edge_belongs_to_what_begins_there(ws: int) -> None:
    grant(ws, 9, now=NOON)
    assert [flow.bucket for flow in flows(ws, [NOON, NOON + DAY])] == [1]
    assert [flow.bucket for flow in flows(ws, [NOON - DAY, NOON + timedelta(microseconds=1)])] == [1]


def test_only_complete_spans_are_summed_and_only_once(busy: int) -> None:
    head = 15
    assert sums_write(limit=2) == 2
    assert set(FlowSum.objects.values_list("until_seq", flat=True)) == {3, 6}
    before = list(FlowSum.objects.values_list("pk", flat=True))
    run_due(only="sum_ledger")
    assert sums_write(limit=2) == 0
    assert max(FlowSum.objects.values_list("until_seq", flat=True)) <= head
    assert set(before) <= set(FlowSum.objects.values_list("pk", flat=True))
    assert_clean(busy)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE trial_flowsum SET amount = amount + 1 WHERE until_seq = 6",
        "UPDATE trial_flowsum SET source = 'bought' WHERE until_seq = 3 AND source = 'plan'",
        "UPDATE trial_flowsum SET until_at = until_at + interval '1 microsecond' WHERE until_seq = 6",
        "UPDATE trial_flowsum SET since_at = since_at - interval '1 microsecond' WHERE until_seq = 6",
        "DELETE FROM trial_flowsum WHERE until_seq = 6",
        "INSERT INTO trial_flowsum (workspace_id, until_seq, since_at, until_at, kind, debit, credit, source, amount)"
        " SELECT workspace_id, until_seq, since_at, until_at, 'x', debit, credit, source, 1 FROM trial_flowsum LIMIT 1",
    ],
)
def test_a_wrong_sum_is_found_and_made_again_when_deleted(busy: int, sql: str) -> None:
    sums_catch_up()
    assert_clean(busy)
    with connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.rowcount > 0
    assert {problem.code for problem in verify().problems} == {"flow_sum"}
    FlowSum.objects.all().delete()
    sums_catch_up()
    assert_clean(busy)
