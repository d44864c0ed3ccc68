from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.models import Workspace
from billing.ledger.models import Operation, Transfer, Wallet
from billing.metering import store
from billing.metering.errors import EventRejected
from billing.metering.keys import items_digest
from billing.metering.models import HourTotal, HourUsage, UsageEvent
from billing.metering.selectors.receipts import receipt
from billing.metering.tests.conftest import MINI, NOW, event, fund
from billing.metering.validate import parse_batch

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]


def test_a_batch_is_one_operation_that_vouches_for_its_events(batch: Record, workspace: Workspace) -> None:
    fund(workspace)
    events = [event(f"e{index}", usage={"input_tokens": 1000 * (index + 1)}) for index in range(5)]
    events.insert(2, event("free", model="", usage={"static_messages": 1}))
    result = batch(events)

    assert (result.accepted, result.duplicates, result.nano) == (6, 0, 450_000_000)
    assert result.balance.available == 100 * 10**9 - 450_000_000
    operation = Operation.objects.get(namespace="usage")
    transfer = Transfer.objects.get(operation=operation)
    paid = UsageEvent.objects.filter(operation=operation).order_by("offset")
    assert list(paid.values_list("event_id", "offset", "amount")) == [
        ("e0", 0, 30_000_000),
        ("e1", 30_000_000, 60_000_000),
        ("e2", 90_000_000, 90_000_000),
        ("e3", 180_000_000, 120_000_000),
        ("e4", 300_000_000, 150_000_000),
    ]
    assert bytes(transfer.items_digest or b"") == items_digest(paid.values_list("event_id", "amount"))
    assert UsageEvent.objects.get(event_id="free").operation is None
    assert HourTotal.objects.get().requests == 6
    assert sum(HourUsage.objects.values_list("amount", flat=True)) == 450_000_000


def test_every_bad_event_of_a_thousand_is_named_and_every_good_one_counts_once(
    batch: Record, record: Record, workspace: Workspace, noon: datetime
) -> None:
    fund(workspace, 1000)
    record(event("seen"))
    good = {"model": MINI, "usage": {"input_tokens": 1200, "output_tokens": "300"}}
    raws: list[Any] = [{**good, "event_id": f"good_{index}"} for index in range(980)]
    bad: dict[int, tuple[Any, str]] = {
        3: ({**good, "event_id": "negative", "usage": {"input_tokens": -1}}, "invalid_request"),
        50: ({**good, "event_id": "nan", "usage": {"input_tokens": float("nan")}}, "invalid_request"),
        51: ({**good, "event_id": "inf", "usage": {"input_tokens": float("inf")}}, "invalid_request"),
        99: ({**good, "event_id": "nul\0", "agent": "a"}, "invalid_request"),
        100: ({**good, "event_id": "nul_agent", "agent": "a\0b"}, "invalid_request"),
        333: ({**good, "event_id": "good_7", "task": "changed"}, "idempotency_conflict"),
        334: ({**good, "event_id": "seen", "usage": {"input_tokens": 1}}, "idempotency_conflict"),
        500: ({"event_id": "huge", "usage": {"deployments": 10**12}}, "amount_out_of_range"),
        501: ({**good, "event_id": "late_future", "occurred_at": "2026-03-10T12:36:00Z"}, "invalid_request"),
        502: ({**good, "event_id": "fine_print", "usage": {"input_tokens": "0.0000000001"}}, "invalid_request"),
        503: ({**good, "event_id": "surprise", "colour": "red"}, "invalid_request"),
        504: ("not an object", "invalid_request"),
        505: ({**good, "event_id": "held", "hold": "hold_1"}, "not_found"),
    }
    others = [
        {**good, "event_id": "good_7"},
        {**good, "event_id": "seen"},
        {**good, "event_id": "good_8", "usage": {"output_tokens": 300, "input_tokens": "1200.0"}},
        {**good, "event_id": "unknown_model", "model": "acme/brain"},
        {**good, "event_id": "unknown_meter", "usage": {"sparkles": 1}},
        {**good, "event_id": "late", "occurred_at": "2026-01-01T00:00:00Z"},
        {**good, "event_id": "tab\tand\\slash\nline", "agent": "tab\there", "task": "back\\slash", "app": "ünï"},
    ]
    raws += others
    for index, (raw, _) in sorted(bad.items()):
        raws.insert(index, raw)
    assert len(raws) == 1000
    result = batch(parse_batch(raws))

    assert {issue.index: issue.code for issue in result.rejected} == {index: code for index, (_, code) in bad.items()}
    assert [(issue.event_id, issue.code) for issue in result.unrated] == [
        ("unknown_model", "unknown_model"),
        ("unknown_meter", "unknown_meter"),
    ]
    assert (result.accepted, result.duplicates) == (984, 3)
    assert result.nano == 982 * 72_000_000
    assert result.balance.available == 1000 * 10**9 - 983 * 72_000_000 == Wallet.objects.get().available
    assert UsageEvent.objects.count() == 985
    odd = UsageEvent.objects.get(agent="tab\there")
    assert (odd.event_id, odd.task, odd.app) == ("tab\tand\\slash\nline", "back\\slash", "ünï")
    late = UsageEvent.objects.get(event_id="late")
    assert (late.late, late.booked_at) == (True, noon)
    assert HourTotal.objects.get().amount == 983 * 72_000_000
    assert sum(HourUsage.objects.values_list("amount", flat=True)) == 983 * 72_000_000

    again = batch(parse_batch(raws))
    assert (again.accepted, again.nano, again.unrated) == (0, 0, [])
    assert again.duplicates == 987
    assert again.balance.available == result.balance.available


def test_a_batch_without_a_good_event_opens_no_wallet(batch: Record, workspace: Workspace) -> None:
    result = batch(parse_batch([{}, 1]))
    assert (result.accepted, [issue.index for issue in result.rejected], result.balance) == (0, [0, 1], None)
    assert not Wallet.objects.exists()


def test_more_than_a_thousand_events_are_refused_whole(batch: Record) -> None:
    with pytest.raises(EventRejected):
        batch([event(f"e{index}") for index in range(1001)])
    assert not UsageEvent.objects.exists()


def test_a_batch_of_free_events_makes_no_operation(batch: Record, workspace: Workspace) -> None:
    result = batch([event(f"e{index}", model="", usage={"static_messages": 1}) for index in range(3)])
    assert (result.accepted, result.nano) == (3, 0)
    assert not Operation.objects.exists()


def test_events_that_do_not_fit_together_are_told_apart(batch: Record, workspace: Workspace) -> None:
    huge = {"messages": 5 * 10**9}
    result = batch([event("a", model="", usage=huge), event("b", model="", usage=huge), event("c")])
    assert [(issue.event_id, issue.code) for issue in result.rejected] == [("b", "amount_out_of_range")]
    assert result.accepted == 2
    assert result.balance.debt == 5 * 10**18 + 72_000_000


def test_a_batch_that_overflows_an_hour_is_recorded_as_far_as_it_fits(batch: Record, workspace: Workspace) -> None:
    fund(workspace, 5 * 10**9)
    huge = {"messages": 5 * 10**9}
    result = batch([event("a", model="", usage=huge), event("b", model="", usage=huge), event("c"), event("c")])
    assert [(issue.event_id, issue.code) for issue in result.rejected] == [("b", "amount_out_of_range")]
    assert (result.accepted, result.duplicates) == (2, 1)
    assert HourTotal.objects.get().amount == 5 * 10**18 + 72_000_000


def test_hours_of_a_batch_are_counted_apart(batch: Record, workspace: Workspace, noon: datetime) -> None:
    fund(workspace)
    batch([event(f"e{hour}", occurred_at=NOW - timedelta(hours=hour)) for hour in (0, 1, 1, 5)][:2])
    batch([event(f"f{hour}{copy}", occurred_at=NOW - timedelta(hours=hour)) for copy in "ab" for hour in (1, 5)])
    rows = HourTotal.objects.order_by("hour").values_list("hour", "requests", "amount")
    assert list(rows) == [
        (NOW - timedelta(hours=hour, minutes=30), count, count * 72_000_000) for hour, count in ((5, 2), (1, 3), (0, 1))
    ]


def test_a_batch_over_several_lots_names_who_paid(batch: Record, workspace: Workspace, noon: datetime) -> None:
    first = fund(workspace, 1, key="first", expires_at=noon + timedelta(days=1))
    second = fund(workspace, 1, key="second")
    batch([event(f"m{index}", model="", usage={"messages": Decimal("0.7")}) for index in range(4)])

    def paid(event_id: str) -> tuple[list[tuple[int, int]], int]:
        found = receipt(workspace.pk, event_id=event_id, prefer="service")
        assert found is not None
        assert found.seq == Transfer.objects.get(kind="usage.debt").seq
        assert found.head == bytes(Transfer.objects.get(kind="usage.debt").digest)
        return [(part.lot_id, part.nano) for part in found.paid], found.debt

    assert paid("m0") == ([(first, 700_000_000)], 0)
    assert paid("m1") == ([(first, 300_000_000), (second, 400_000_000)], 0)
    assert paid("m2") == ([(second, 600_000_000)], 100_000_000)
    assert paid("m3") == ([], 700_000_000)


def test_looking_for_duplicates_reads_only_their_own_index_entries(batch: Record, workspace: Workspace) -> None:
    batch([event(f"e{index}") for index in range(300)])
    sql, params = store.find_many(workspace.pk, "service", ["a", "b"])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE metering_usageevent; SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + sql, params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    condition = plan[plan.index("Index Cond") :]
    assert all(column in condition for column in ("workspace_id", "origin", "event_id"))
    assert "Filter" not in plan
