from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Project, Workspace
from billing.credits import clock
from billing.ledger.models import Operation, Transfer, Wallet
from billing.metering.errors import EventConflict, EventRejected
from billing.metering.events import Source
from billing.metering.models import HourTotal, HourUsage, UsageEvent
from billing.metering.receipts import UsageTotals
from billing.metering.tests.conftest import HOUR, NOW, event, fund
from billing.pricing.approvals import markup_add
from billing.pricing.book import invalidate
from billing.pricing.models import Markup

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]


def test_an_event_is_priced_charged_and_counted(record: Record, workspace: Workspace, noon: datetime) -> None:
    lot = fund(workspace)
    receipt = record(event(agent="bot", metadata={"a": Decimal("1.5")}))

    assert (receipt.nano, receipt.cost_usd, receipt.replay, receipt.late) == (
        72_000_000,
        Decimal("0.00036"),
        False,
        False,
    )
    assert receipt.usage == UsageTotals(Decimal(1200), Decimal(0), Decimal(1500))
    assert [(line.meter, line.quantity, line.nano) for line in receipt.lines] == [
        ("input_tokens", 1200, 36_000_000),
        ("output_tokens", 300, 36_000_000),
    ]
    assert receipt.balance.available == 100 * 10**9 - 72_000_000
    assert receipt.balance.state == "healthy"

    stored = UsageEvent.objects.get()
    assert (stored.provider, stored.model, stored.amount) == ("openai", "gpt-4o-mini", 72_000_000)
    assert stored.usage == {"input_tokens": "1200", "output_tokens": "300"}
    assert stored.cost_usd == Decimal("0.00036")
    assert (stored.occurred_at, stored.booked_at, stored.recorded_at) == (noon, noon, noon)
    transfer = Transfer.objects.get(kind="usage.spend")
    assert (stored.operation_id, transfer.amount, transfer.takes.get().lot_id) == (
        transfer.operation_id,
        72_000_000,
        lot,
    )
    assert transfer.operation.key == "service:req_1"
    assert Wallet.objects.get(pk=workspace.pk).available == receipt.balance.available
    total = HourTotal.objects.get()
    assert (total.hour, total.amount, total.requests) == (noon - timedelta(minutes=30), 72_000_000, 1)
    rows = HourUsage.objects.order_by("series__meter").values_list("series__meter", "quantity", "amount", "requests")
    assert list(rows) == [("input_tokens", 1200, 36_000_000, 1), ("output_tokens", 300, 36_000_000, 0)]


def test_a_repeat_returns_the_first_receipt_and_charges_nothing(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    first = record(event())
    record(event("req_2"))
    again = record(event(usage={"output_tokens": "300.0", "input_tokens": 1200}))

    assert again.replay
    assert (again.nano, again.cost_usd, again.lines, again.usage) == (
        first.nano,
        first.cost_usd,
        first.lines,
        first.usage,
    )
    assert again.balance.available == first.balance.available
    assert again.balance.state == first.balance.state
    assert Transfer.objects.filter(kind="usage.spend").count() == 2


def test_the_same_id_with_other_content_is_a_conflict(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event())
    with pytest.raises(EventConflict):
        record(event(usage={"input_tokens": 1}))
    assert UsageEvent.objects.get().amount == 72_000_000


def test_ids_of_a_customer_do_not_block_the_operators(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    origins = ("workspace", "service", "ce:service:/a", "ce:service:/a:b")
    receipts = [record(event("same"), Source(origin)) for origin in origins]
    receipts += [record(event("b:same"), Source(origin)) for origin in origins]
    assert not any(receipt.replay for receipt in receipts)
    assert Operation.objects.filter(namespace="usage").count() == 8


def test_the_longest_ids_have_keys_that_fit(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    assert not record(event("x" * 200)).replay
    assert not record(event("x" * 199)).replay
    assert record(event("x" * 200)).replay


def test_unknown_models_and_meters_are_kept_unrated_and_cost_nothing(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    unknown = record(event("a", model="acme/brain-9"))
    odd = record(event("b", usage={"input_tokens": 10, "sparkles": 3}))
    assert (unknown.problem, unknown.nano, unknown.lines) == ("unknown_model", 0, ())
    assert (odd.problem, odd.nano) == ("unknown_meter", 0)
    assert "sparkles" in odd.detail
    stored = UsageEvent.objects.order_by("event_id").values_list("provider", "model", "problem", "operation")
    assert list(stored) == [
        ("acme", "brain-9", "unknown_model", None),
        ("openai", "gpt-4o-mini", "unknown_meter", None),
    ]
    assert not Transfer.objects.filter(kind="usage.spend").exists()
    assert HourTotal.objects.get().requests == 2
    assert record(event("a", model="acme/brain-9")).problem == "unknown_model"


def test_platform_meters_need_no_model(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    receipt = record(event(model="", usage={"messages": 5, "call_minutes": "1.5", "logic_steps": 7}))
    assert receipt.nano == 5 * 10**9 + 15 * 10**9
    assert receipt.balance.available == 80 * 10**9


def test_free_usage_makes_no_operation(record: Record, workspace: Workspace) -> None:
    receipt = record(event(model="", usage={"static_messages": 5}))
    assert (receipt.nano, receipt.problem) == (0, "")
    assert not Operation.objects.exists()
    assert record(event(model="", usage={"static_messages": 5})).replay


def test_usage_beyond_the_balance_becomes_debt_that_a_grant_repays_first(
    record: Record,
    workspace: Workspace,
) -> None:
    fund(workspace, 1)
    receipt = record(event(model="", usage={"messages": 3}))
    assert (receipt.balance.available, receipt.balance.debt, receipt.balance.state) == (0, 2 * 10**9, "stopped")
    fund(workspace, 5, key="more")
    assert record(event("next", model="", usage={"messages": 1})).balance.available == 2 * 10**9


def test_late_usage_is_priced_when_it_happened_and_booked_today(
    record: Record,
    workspace: Workspace,
    noon: datetime,
) -> None:
    fund(workspace)
    happened = noon - timedelta(hours=72, minutes=1)
    receipt = record(event(occurred_at=happened))
    assert receipt.late
    stored = UsageEvent.objects.get()
    assert (stored.occurred_at, stored.booked_at, stored.late) == (happened, noon, True)
    assert HourTotal.objects.get().hour == noon - timedelta(minutes=30)


def test_usage_within_the_window_is_booked_when_it_happened(
    record: Record,
    workspace: Workspace,
    noon: datetime,
) -> None:
    fund(workspace)
    assert not record(event(occurred_at=noon - timedelta(hours=71))).late
    assert HourTotal.objects.get().hour == noon - timedelta(hours=71, minutes=30)


def test_a_clock_that_is_a_little_ahead_is_forgiven_a_wrong_one_is_not(
    record: Record,
    workspace: Workspace,
    noon: datetime,
) -> None:
    fund(workspace)
    record(event(occurred_at=noon + timedelta(minutes=5)))
    assert UsageEvent.objects.get().booked_at == noon
    with pytest.raises(EventRejected) as refused:
        record(event("b", occurred_at=noon + timedelta(minutes=6)))
    assert (refused.value.code, refused.value.pointer) == ("invalid_request", "/occurred_at")
    assert UsageEvent.objects.count() == 1


def test_a_charge_that_does_not_fit_is_refused_and_nothing_is_charged(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    with pytest.raises(EventRejected) as refused:
        record(event(model="", usage={"deployments": 10**12}))
    assert refused.value.code == "amount_out_of_range"
    assert not UsageEvent.objects.exists()
    assert Wallet.objects.get().available == 100 * 10**9


def test_debt_that_would_not_fit_is_refused(record: Record, workspace: Workspace) -> None:
    nearly = {"messages": 9 * 10**9}
    assert record(event("a", model="", usage=nearly)).balance.debt == 9 * 10**18
    with pytest.raises(EventRejected) as refused:
        record(event("b", model="", usage=nearly))
    assert refused.value.code == "amount_out_of_range"
    assert UsageEvent.objects.count() == 1


def test_an_hour_that_would_overflow_refuses_the_event(record: Record, workspace: Workspace) -> None:
    fund(workspace, 9 * 10**9 - 1)
    record(event("a", model="", usage={"messages": 9 * 10**9 - 1}))
    with pytest.raises(EventRejected) as refused:
        record(event("b", model="", usage={"messages": 9 * 10**9 - 1}))
    assert refused.value.code == "amount_out_of_range"
    assert record(event("c")).nano == 72_000_000


def test_a_project_is_found_by_slug_or_made_and_a_keys_project_wins(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    prod = Project.objects.create(workspace=workspace, slug="prod", name="Production")
    other = Project.objects.create(workspace=workspace, slug="mine", name="Mine")
    record(event("a", project="prod"))
    record(event("b", project="New Thing"))
    record(event("c", project="New Thing"))
    record(event("d", project="prod"), Source("service", project_id=other.pk))
    record(event("e", project="東京"))
    by_event = dict(UsageEvent.objects.values_list("event_id", "project__slug"))
    tokyo = by_event.pop("e")
    assert by_event == {"a": prod.slug, "b": "new-thing", "c": "new-thing", "d": "mine"}
    assert tokyo.startswith("project-")
    assert Project.objects.get(slug=tokyo).name == "東京"


def test_names_of_projects_cannot_flood_the_list(
    record: Record,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fund(workspace)
    monkeypatch.setattr("billing.metering.projects.MOST_PROJECTS", 2)
    for name in ("one", "two", "three"):
        record(event(name, project=name))
    assert set(Project.objects.values_list("slug", flat=True)) == {"one", "two"}
    assert UsageEvent.objects.get(event_id="three").project is None


def test_the_price_at_the_time_of_use_counts(record: Record, workspace: Workspace, noon: datetime) -> None:

    fund(workspace)
    Markup.objects.create(percent=20, effective_from=noon - HOUR)
    invalidate()
    assert record(event("before", occurred_at=noon - HOUR - timedelta(seconds=1))).nano == 72_000_000
    assert record(event("after", occurred_at=noon - HOUR)).nano == 86_400_000


def test_embedding_tokens_reported_as_input_are_counted_once(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    receipt = record(event(model="openai/text-embedding-3-small", usage={"input_tokens": 1000}))
    assert receipt.nano == 4_000_000
    assert receipt.usage.total_tokens == 1000
    assert HourUsage.objects.values_list("series__meter", "quantity", "amount").get() == (
        "input_tokens",
        1000,
        4_000_000,
    )


def test_a_warm_post_takes_two_round_trips(record: Record, workspace: Workspace, trips: list[int]) -> None:
    fund(workspace)
    record(event("warm", project="p"))
    trips.clear()
    with CaptureQueriesContext(connection) as queries:
        record(event("second", project="p"))
    assert len(trips) == 2
    assert [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]] == []


def test_a_warm_batch_takes_two_round_trips_and_a_copy(batch: Record, workspace: Workspace, trips: list[int]) -> None:
    fund(workspace)
    batch([event(f"warm{index}", project="p") for index in range(3)])
    trips.clear()
    with CaptureQueriesContext(connection) as queries:
        batch([event(f"e{index}", project="p", occurred_at=None) for index in range(100)])
    assert len(trips) == 2
    assert [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]] == []


def test_a_clock_that_is_ahead_does_not_reach_prices_to_come(record: Record) -> None:
    with clock.at(NOW):
        markup_add(percent=Decimal(50), by="a test")  # from a minute later on
        ahead = record(event("ahead", occurred_at=NOW + timedelta(minutes=4)))
    with clock.at(NOW + timedelta(minutes=4)):
        on_time = record(event("on time"))
    assert (ahead.nano, on_time.nano) == (72_000_000, 108_000_000)
