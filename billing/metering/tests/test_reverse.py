"""Taking charges of usage back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.foundation.site.models import SiteSettings
from billing.foundation.site.selectors import forget_site, site
from billing.ledger.errors import NotReversible
from billing.ledger.models import Lot, LotTake, Operation, Transfer, Wallet
from billing.ledger.tests.helpers import place
from billing.ledger.verify import verify
from billing.metering.allowances import allowance_open
from billing.metering.events import EventInput
from billing.metering.models import EventReversal, HourTotal, HourUsage, UsageEvent
from billing.metering.reverse import Reversed, operation_usage_reverse, usage_reverse
from billing.metering.selectors.events import events
from billing.metering.selectors.forecast import median_request_cost
from billing.metering.selectors.receipts import receipt
from billing.metering.selectors.totals import today_and_month
from billing.metering.tests.conftest import HOUR, TTS, event, fund

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]
CREDIT = 10**9


def messages(event_id: str, count: int, **fields: Any) -> EventInput:
    """Usage of `count` credits."""
    return event(event_id, model="", usage={"messages": count}, **fields)


def reverse(workspace: Workspace, event_id: str, *, reason: str = "It was sent twice.") -> Reversed:
    pk = UsageEvent.objects.get(event_id=event_id).pk
    return usage_reverse(workspace_id=workspace.pk, pk=pk, reason=reason, actor="staff@example.com")


def left(workspace: Workspace) -> tuple[int, int]:
    wallet = Wallet.objects.get(pk=workspace.pk)
    return wallet.available, wallet.debt


def moved(operation_id: int | None) -> list[tuple[str, str, str, int]]:
    found = Transfer.objects.filter(operation_id=operation_id).order_by("seq")
    return list(found.values_list("kind", "debit", "credit", "amount"))


def hours() -> list[tuple[int, int, int]]:
    return list(HourTotal.objects.order_by("hour").values_list("amount", "reversed", "requests"))


def counted(**where: Any) -> int:
    return sum(HourUsage.objects.filter(**where).values_list("amount", flat=True))


def clean() -> None:
    assert verify().problems == []


# One event


def test_what_an_event_cost_returns_to_the_lot_that_paid(record: Record, workspace: Workspace, noon: datetime) -> None:
    lot = fund(workspace)
    record(event("a"))
    told = record(event("b", agent="bot"))
    back = reverse(workspace, "b")
    assert (back.amount, back.returned, back.cancelled, back.replay) == (told.nano, told.nano, 0, False)
    assert back.balance.available == 100 * CREDIT - told.nano
    assert Lot.objects.get(pk=lot).remaining == back.balance.available
    operation = Operation.objects.get(pk=back.operation_id)
    charge = UsageEvent.objects.get(event_id="b").operation
    assert (operation.kind, operation.reverses, operation.actor) == ("usage.reverse", charge, "staff@example.com")
    assert moved(back.operation_id) == [("usage.reverse", "spent", "available", told.nano)]
    assert Transfer.objects.get(operation=operation).reverses == Transfer.objects.get(operation=charge)
    assert hours() == [(told.nano, told.nano, 2)]
    assert (counted(series__agent="bot"), counted(series__agent="")) == (0, told.nano)
    assert today_and_month(workspace).today == told.nano
    clean()


def test_again_it_gives_nothing_back(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event("a"))
    first = reverse(workspace, "a")
    again = reverse(workspace, "a", reason="Another reason")
    assert again.replay
    assert (again.amount, again.operation_id) == (first.amount, first.operation_id)
    assert left(workspace) == (100 * CREDIT, 0)
    assert EventReversal.objects.get().reason == "It was sent twice."
    clean()


def test_a_repeated_report_of_a_reversed_event_charges_nothing(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    first = record(event("a"))
    reverse(workspace, "a")
    again = record(event("a"))
    assert (again.replay, again.nano) == (True, first.nano)
    assert left(workspace) == (100 * CREDIT, 0)
    clean()


def test_an_event_in_the_middle_of_a_batch(batch: Record, workspace: Workspace) -> None:
    first, second = fund(workspace, 3), fund(workspace, 100, key="second")
    batch([messages("a", 2), messages("b", 5), messages("c", 4)])
    back = reverse(workspace, "b")
    assert (back.returned, left(workspace)) == (5 * CREDIT, (97 * CREDIT, 0))
    takes = LotTake.objects.filter(transfer__operation_id=back.operation_id).order_by("position")
    assert list(takes.values_list("lot_id", "amount")) == [(second, -4 * CREDIT), (first, -CREDIT)]
    clean()
    reverse(workspace, "a")
    reverse(workspace, "c")
    assert left(workspace) == (103 * CREDIT, 0)
    assert hours() == [(0, 11 * CREDIT, 3)]
    clean()


def test_a_whole_batch(batch: Record, workspace: Workspace) -> None:
    fund(workspace, 3)
    batch([messages("a", 2), messages("b", 5), event("free", model="", usage={"static_messages": 1}), messages("c", 4)])
    reverse(workspace, "b")
    operation = UsageEvent.objects.get(event_id="a").operation_id
    assert operation is not None

    def whole() -> list[tuple[str, bool]]:
        found = operation_usage_reverse(
            workspace_id=workspace.pk, operation_id=operation, reason="A test run", actor="staff@example.com"
        )
        return [(each.event_id, each.replay) for each in found]

    assert whole() == [("c", False), ("b", True), ("a", False)]
    assert whole() == [("c", True), ("b", True), ("a", True)]
    assert left(workspace) == (3 * CREDIT, 0)
    clean()
    with pytest.raises(NotReversible, match="charged no usage"):
        operation_usage_reverse(workspace_id=workspace.pk, operation_id=10**9, reason="x", actor="x")


# Debt, expiry, holds


def test_debt_that_it_made_is_cancelled(record: Record, workspace: Workspace) -> None:
    fund(workspace, 3)
    record(messages("a", 5))
    back = reverse(workspace, "a")
    assert (back.returned, back.cancelled) == (3 * CREDIT, 2 * CREDIT)
    assert moved(back.operation_id) == [
        ("usage.reverse", "spent", "debt", 2 * CREDIT),
        ("usage.reverse", "spent", "available", 3 * CREDIT),
    ]
    assert left(workspace) == (3 * CREDIT, 0)
    clean()


def test_what_comes_back_repays_other_debt(record: Record, workspace: Workspace) -> None:
    fund(workspace, 3)
    record(messages("a", 3))
    record(messages("b", 5))
    back = reverse(workspace, "a")
    assert (back.returned, back.balance.available, back.balance.debt) == (3 * CREDIT, 0, 2 * CREDIT)
    assert [kind for kind, *_ in moved(back.operation_id)] == ["usage.reverse", "debt.repay"]
    clean()


def test_debt_that_was_repaid_since_is_given_back(record: Record, workspace: Workspace) -> None:
    record(messages("a", 5))
    lot = fund(workspace, 20)
    assert left(workspace) == (15 * CREDIT, 0)
    back = reverse(workspace, "a")
    assert (back.returned, back.cancelled) == (0, 5 * CREDIT)
    assert [kind for kind, *_ in moved(back.operation_id)] == ["debt.reopen", "usage.reverse"]
    assert Lot.objects.get(pk=lot).remaining == 20 * CREDIT
    assert left(workspace) == (20 * CREDIT, 0)
    clean()


def test_what_returns_to_a_lot_that_expired_is_gone(record: Record, workspace: Workspace, noon: datetime) -> None:
    fund(workspace, 10, expires_at=noon + HOUR)
    record(messages("a", 4))
    with clock.at(noon + 2 * HOUR):
        back = reverse(workspace, "a")
    assert (back.returned, back.balance.available) == (4 * CREDIT, 0)
    assert [kind for kind, *_ in moved(back.operation_id)] == ["usage.reverse", "lot.expire"]
    assert hours() == [(0, 4 * CREDIT, 1)]
    clean()


@pytest.mark.parametrize("count", [2, 4, 7, 30])
def test_an_event_that_settled_a_hold(record: Record, workspace: Workspace, noon: datetime, count: int) -> None:
    fund(workspace, 10)
    hold = place(workspace.pk, 4 * CREDIT, now=noon)
    told = record(messages("a", count, hold=hold))
    back = reverse(workspace, "a")
    assert (back.amount, back.returned + back.cancelled) == (told.nano, told.nano)
    assert left(workspace) == (10 * CREDIT, 0)
    assert record(messages("a", count, hold=hold)).hold_status == "settled"
    clean()


# Allowances


@pytest.fixture
def characters(workspace: Workspace, noon: datetime) -> Any:
    """100 characters a period, and another 50 that end later."""

    def period(ends_at: datetime, included: int, starts_at: datetime = noon - HOUR) -> Any:
        return allowance_open(
            workspace_id=workspace.pk,
            meter="input_characters",
            starts_at=starts_at,
            ends_at=ends_at,
            included=Decimal(included),
        )

    return period(noon + HOUR, 100), period(noon + 2 * HOUR, 50, noon - 2 * HOUR)


def used(allowances: Any) -> list[int]:
    for allowance in allowances:
        allowance.refresh_from_db()
    return [int(allowance.used) for allowance in allowances]


def speech(event_id: str, count: int) -> EventInput:
    return event(event_id, model=TTS, usage={"input_characters": count})


def test_what_an_allowance_covered_can_be_used_again(record: Record, workspace: Workspace, characters: Any) -> None:
    fund(workspace)
    record(speech("a", 120))
    told = record(speech("b", 80))
    assert (used(characters), told.nano) == ([100, 50], 50 * 8_000_000)
    assert reverse(workspace, "b").amount == told.nano
    assert used(characters) == [100, 20]
    assert record(speech("c", 10)).nano == 0
    clean()


def test_what_cost_nothing_gives_its_allowance_back(record: Record, workspace: Workspace, characters: Any) -> None:
    record(speech("a", 120))
    operations = Operation.objects.count()
    back = reverse(workspace, "a")
    assert (back.amount, back.operation_id) == (0, None)
    assert used(characters) == [0, 0]
    assert reverse(workspace, "a").replay
    assert used(characters) == [0, 0]
    assert Operation.objects.count() == operations
    clean()


def test_after_its_period_nothing_of_the_next_one_is_given_back(
    record: Record, workspace: Workspace, characters: Any, noon: datetime
) -> None:
    record(speech("a", 120))
    following = allowance_open(
        workspace_id=workspace.pk,
        meter="input_characters",
        starts_at=noon + 2 * HOUR,
        ends_at=noon + 4 * HOUR,
        included=Decimal(100),
    )
    with clock.at(noon + 3 * HOUR):
        record(speech("b", 30))
        reverse(workspace, "a")
    assert used([*characters, following]) == [0, 0, 30]


# What cannot be reversed


def test_an_event_that_cost_nothing_has_nothing_to_give_back(record: Record, workspace: Workspace) -> None:
    record(event("free", model="", usage={"static_messages": 1}))
    record(event("odd", model="acme/brain"))
    for event_id in ("free", "odd"):
        with pytest.raises(NotReversible, match="nothing to give back"):
            reverse(workspace, event_id)
    assert not EventReversal.objects.exists()


def test_an_event_of_another_workspace_does_not_exist(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event("a"))
    with pytest.raises(NotReversible, match="no such event"):
        reverse(Workspace.objects.create(name="Southwind"), "a")
    assert hours() == [(72_000_000, 0, 1)]


# Totals


def test_it_counts_in_the_hour_and_the_series_of_its_event(record: Record, workspace: Workspace) -> None:
    start = clock.now().replace(minute=5)
    fund(workspace)
    for hour in range(3):
        with clock.at(start + hour * HOUR):
            record(event(f"e{hour}", agent=f"agent{hour % 2}"))
    with clock.at(start + 30 * HOUR):
        reverse(workspace, "e1")
    assert hours() == [(72_000_000, 0, 1), (0, 72_000_000, 1), (72_000_000, 0, 1)]
    assert (counted(series__agent="agent0"), counted(series__agent="agent1")) == (144_000_000, 0)
    clean()


def test_what_was_counted_as_other_is_taken_from_there(record: Record, workspace: Workspace, noon: datetime) -> None:
    fund(workspace)
    site()
    SiteSettings.objects.update_or_create(pk=1, defaults={"max_breakdown_values": 2})
    forget_site()
    record(event("named", agent="first"))
    record(event("crowded", agent="second"))
    with clock.at(noon + timedelta(days=1)):  # then "second" gets a series of its own, in the same hour
        record(event("later", agent="second", occurred_at=noon))
    assert [counted(series__agent=name) for name in ("first", "other", "second")] == [72_000_000] * 3
    reverse(workspace, "crowded")
    assert [counted(series__agent=name) for name in ("first", "other", "second")] == [72_000_000, 0, 72_000_000]
    reverse(workspace, "later")
    assert [counted(series__agent=name) for name in ("first", "other", "second")] == [72_000_000, 0, 0]
    clean()


def test_a_fee_and_nested_meters_are_taken_from_where_they_were_counted(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event("a", usage={"input_tokens": 1000, "cached_input_tokens": 400, "output_tokens": 50}))
    record(event("b", model="openai/text-embedding-3-small", usage={"input_tokens": 10_000}))
    reverse(workspace, "a")
    reverse(workspace, "b")
    assert set(HourUsage.objects.values_list("amount", flat=True)) == {0}
    clean()


# Reading


def test_lists_and_receipts_show_it(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(event("a"))
    record(event("b"))
    reverse(workspace, "a")
    shown = {row.event_id: row.reversed for row in events(workspace.pk).events}
    assert shown["b"] is None
    assert shown["a"] is not None
    assert (shown["a"].amount, shown["a"].returned, shown["a"].reason) == (72_000_000, 72_000_000, "It was sent twice.")
    found = receipt(workspace.pk, event_id="a")
    assert found is not None
    assert found.event.reversed == shown["a"]
    assert [part.nano for part in found.paid] == [72_000_000]  # how it was paid stays what it was


def test_the_list_asks_once_for_all_reversals(
    record: Record, workspace: Workspace, django_assert_num_queries: Any
) -> None:
    fund(workspace)
    for index in range(3):
        record(event(f"e{index}"))
    reverse(workspace, "e1")
    with django_assert_num_queries(1):
        assert [row.reversed is None for row in events(workspace.pk).events] == [True, False, True]


def test_what_was_given_back_is_no_usual_cost(record: Record, workspace: Workspace) -> None:
    fund(workspace)
    record(messages("a", 50))
    record(messages("b", 1))
    record(messages("c", 50))
    reverse(workspace, "a")
    reverse(workspace, "c")
    assert median_request_cost(workspace.pk) == CREDIT


# What the database refuses, and what verify_ledger finds


@pytest.fixture
def taken_back(batch: Record, workspace: Workspace) -> Workspace:
    fund(workspace, 4)
    batch([messages("a", 2), messages("b", 3), messages("c", 4)])
    reverse(workspace, "b")
    return workspace


def codes() -> set[str]:
    return {problem.code for problem in verify().problems}


def without_triggers(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_a_reversal_is_never_changed_or_removed(taken_back: Workspace) -> None:
    for change in (lambda: EventReversal.objects.update(amount=1), lambda: EventReversal.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_the_database_keeps_an_amount_and_its_operation_together(taken_back: Workspace) -> None:
    other = UsageEvent.objects.get(event_id="a")
    made = {"event": other, "workspace": taken_back, "created_at": clock.now(), "actor": "x", "reason": "x"}
    with pytest.raises(IntegrityError, match="event_reversal_by_an_operation"), transaction.atomic():
        EventReversal.objects.create(**made, amount=1, cancelled=0)
    with pytest.raises(IntegrityError, match="event_reversal_cancelled_within"), transaction.atomic():
        EventReversal.objects.create(**made, amount=0, cancelled=1)


def test_a_changed_total_of_reversals_is_found(taken_back: Workspace) -> None:
    HourTotal.objects.update(reversed=1)
    assert codes() == {"hour_reversed"}


def test_a_removed_reversal_is_found(taken_back: Workspace) -> None:
    without_triggers("DELETE FROM metering_eventreversal")
    assert codes() == {"reversal", "hour_total", "hour_usage", "hour_reversed"}


@pytest.mark.parametrize("change", ["amount = amount - 1", "cancelled = cancelled + 1"])
def test_a_changed_reversal_is_found(taken_back: Workspace, change: str) -> None:
    without_triggers(f"UPDATE metering_eventreversal SET {change}")
    assert "reversal" in codes()


def test_a_reversal_that_names_another_event_is_found(taken_back: Workspace) -> None:
    other = UsageEvent.objects.get(event_id="c").pk
    without_triggers(f"UPDATE metering_eventreversal SET event_id = {other}, amount = {4 * CREDIT}")
    assert "reversal" in codes()


def test_a_reversal_of_the_wrong_part_of_a_batch_is_found(batch: Record, workspace: Workspace) -> None:
    fund(workspace, 3)
    batch([messages("a", 3), messages("b", 3)])
    reverse(workspace, "a")
    other = UsageEvent.objects.get(event_id="b").pk
    without_triggers(f"UPDATE metering_eventreversal SET event_id = {other}")
    assert codes() == {"reversal"}
