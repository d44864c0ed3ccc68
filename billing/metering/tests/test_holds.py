"""Events that name the hold they were authorised by."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.models import Hold, HoldResolution, Lot, Operation, Transfer, Wallet
from billing.ledger.records import hold_id
from billing.ledger.session import Session
from billing.ledger.tests.helpers import place, release
from billing.ledger.verify import verify
from billing.metering.errors import EventConflict, EventRejected
from billing.metering.events import EventInput, Source, request_hash
from billing.metering.models import HourTotal, UsageEvent
from billing.metering.record import usage_record
from billing.metering.selectors.receipts import receipt
from billing.metering.tests.conftest import HOUR, SERVICE, event, fund
from billing.metering.tests.helpers import remember, rewriting

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]
CREDIT = 10**9


def held(event_id: str, hold: int, count: int, **fields: Any) -> EventInput:
    """Usage of `count` credits that settles a hold."""
    return event(event_id, model="", usage={"messages": count}, hold=hold, **fields)


def kinds() -> list[str]:
    """The transfers of the latest operation."""
    latest = Operation.objects.latest("pk")
    return list(Transfer.objects.filter(operation=latest).order_by("seq").values_list("kind", flat=True))


def refused(record: Record, reported: EventInput, source: Source = SERVICE) -> EventRejected:
    """Why it was; nothing may have been written."""
    before = Operation.objects.count(), UsageEvent.objects.count()
    with pytest.raises(EventRejected) as caught:
        record(reported, source)
    assert (Operation.objects.count(), UsageEvent.objects.count()) == before
    assert caught.value.event_id == reported.event_id
    return caught.value


@pytest.fixture(params=["read", "remembered"])
def hold(workspace: Workspace, prices: None, noon: datetime, request: pytest.FixtureRequest) -> int:
    """10 of 15 credits, held for a quarter of an hour; placed by another process, or by this one."""
    fund(workspace, 15)
    placed = place(workspace.pk, 10 * CREDIT, now=noon)
    if request.param == "remembered":
        remember(workspace, placed)
    return placed


@pytest.mark.parametrize(
    ("count", "transfers", "available", "debt"),
    [
        (4, ["hold.settle", "hold.release"], 11, 0),
        (10, ["hold.settle"], 5, 0),
        (12, ["hold.settle", "usage.spend"], 3, 0),
        (20, ["hold.settle", "usage.spend", "usage.debt"], 0, 5),
    ],
)
def test_what_was_held_pays_first(
    record: Record, workspace: Workspace, hold: int, count: int, transfers: list[str], available: int, debt: int
) -> None:
    told = record(held("req", hold, count))
    assert (told.nano, told.hold_status, told.replay) == (count * CREDIT, "settled", False)
    assert (told.balance.available, told.balance.held, told.balance.debt) == (available * CREDIT, 0, debt * CREDIT)
    assert kinds() == transfers
    found = UsageEvent.objects.get()
    assert (found.hold_id, found.operation_id) == (hold, HoldResolution.objects.get().operation_id)
    assert found.operation is not None
    assert found.operation.key == "service:req"
    assert verify().problems == []


def test_the_receipt_names_the_lots_that_were_pinned(record: Record, workspace: Workspace, hold: int) -> None:
    fund(workspace, 100, key="later", priority=-1)  # would pay first, had nothing been pinned
    record(held("req", hold, 12))
    found = receipt(workspace.pk, event_id="req")
    assert found is not None
    assert [(part.label, part.nano) for part in found.paid] == [
        ("Lot start", 10 * CREDIT),
        ("Lot later", 2 * CREDIT),
    ]
    assert (found.debt, found.hold_status) == (0, "settled")
    assert found.seq == Transfer.objects.get(kind="usage.spend").seq


def test_what_a_hold_gives_back_is_no_part_of_the_charge(record: Record, workspace: Workspace, hold: int) -> None:
    record(held("req", hold, 4))
    found = receipt(workspace.pk, event_id="req")
    assert found is not None
    assert [part.nano for part in found.paid] == [4 * CREDIT]
    assert (found.debt, found.seq) == (0, Transfer.objects.get(kind="hold.settle").seq)


def test_usage_that_costs_nothing_ends_its_hold(record: Record, workspace: Workspace, hold: int) -> None:
    told = record(event("free", model="", usage={"static_messages": 1}, hold=hold))
    assert (told.nano, told.hold_status, told.balance.held) == (0, "settled", 0)
    assert kinds() == ["hold.release"]
    assert UsageEvent.objects.get().operation is None
    assert verify().problems == []


def test_unrated_usage_ends_its_hold(record: Record, workspace: Workspace, hold: int) -> None:
    told = record(event("odd", model="acme/brain", hold=hold))
    assert (told.problem, told.hold_status, told.balance.available) == ("unknown_model", "settled", 15 * CREDIT)
    assert verify().problems == []


def test_a_hold_of_nothing_is_settled_too(record: Record, workspace: Workspace, prices: None, noon: datetime) -> None:
    fund(workspace, 15)
    nothing = place(workspace.pk, 0, now=noon)
    assert record(event("free", model="", usage={"static_messages": 1}, hold=nothing)).hold_status == "settled"
    another = place(workspace.pk, 0, now=noon)
    assert record(held("paid", another, 1)).balance.available == 14 * CREDIT
    assert verify().problems == []


def test_after_the_hold_expired_the_balance_is_charged(record: Record, workspace: Workspace, hold: int) -> None:
    with clock.at(Hold.objects.get().created_at + HOUR):
        told = record(held("req", hold, 12))
        again = record(held("req", hold, 12))
    assert (told.hold_status, told.balance.available, told.balance.held) == ("expired", 3 * CREDIT, 0)
    assert (again.hold_status, again.replay) == ("expired", True)
    assert HoldResolution.objects.get().kind == "expire"
    assert Transfer.objects.get(kind="usage.spend").amount == 12 * CREDIT
    found = receipt(workspace.pk, event_id="req")
    assert found is not None
    assert found.hold_status == "expired"
    assert verify().problems == []


def test_a_hold_that_expired_stands_for_one_event_only(record: Record, workspace: Workspace, hold: int) -> None:
    with clock.at(Hold.objects.get().created_at + HOUR):
        record(held("req", hold, 1))
        error = refused(record, held("other", hold, 1))
    assert (error.code, error.pointer) == ("hold_resolved", "/hold")
    assert "without “hold”" in error.detail


def test_a_hold_is_settled_once(record: Record, workspace: Workspace, hold: int) -> None:
    record(held("req", hold, 1))
    error = refused(record, held("other", hold, 1))
    assert (error.code, error.pointer) == ("hold_resolved", "/hold")
    assert record(event("other", model="", usage={"messages": 1})).balance.available == 13 * CREDIT


def test_a_hold_that_was_released_pays_for_nothing(record: Record, workspace: Workspace, hold: int) -> None:
    release(workspace.pk, hold, now=clock.now())
    error = refused(record, held("req", hold, 1))
    assert error.code == "hold_resolved"
    assert "released" in error.detail


def test_a_replay_tells_what_was_told_and_settles_nothing(record: Record, workspace: Workspace, hold: int) -> None:
    first = record(held("req", hold, 4))
    record(event("between"))
    again = record(held("req", hold, 4))
    assert (again.replay, again.hold_status, again.nano) == (True, "settled", first.nano)
    assert (again.balance.available, again.balance.held) == (first.balance.available, first.balance.held)
    assert HourTotal.objects.get().requests == 2


def test_the_same_event_with_another_hold_or_none_is_a_conflict(
    record: Record, workspace: Workspace, hold: int
) -> None:
    other = place(workspace.pk, CREDIT, now=clock.now())
    record(held("req", hold, 4))
    for changed in (held("req", other, 4), event("req", model="", usage={"messages": 4})):
        with pytest.raises(EventConflict):
            record(changed)
    assert Hold.objects.get(pk=other).open_until is not None


def test_only_the_class_of_key_that_placed_a_hold_settles_it(record: Record, workspace: Workspace, hold: int) -> None:
    error = refused(record, held("req", hold, 1), Source("workspace"))
    assert (error.code, error.pointer) == ("not_found", "/hold")


def test_holds_of_other_workspaces_do_not_exist(record: Record, workspace: Workspace, hold: int) -> None:
    other = Workspace.objects.create(name="Southwind")
    with pytest.raises(EventRejected) as caught:
        usage_record(workspace_id=other.pk, source=SERVICE, event=held("req", hold, 1))
    assert caught.value.code == "not_found"
    assert refused(record, held("req", hold + 1000, 1)).code == "not_found"


def test_the_fingerprint_knows_the_hold(hold: int) -> None:
    plain = event("req")
    assert request_hash(plain) != request_hash(event("req", hold=hold))
    assert request_hash(event("req", hold=hold)) != request_hash(event("req", hold=hold + 1))
    said = {"1": "", hold_id(hold): "x"}
    assert request_hash(event("req", variant=said, hold=hold)) != request_hash(event("req", variant=said))


def test_a_lot_that_expired_under_the_hold_still_pays_for_it(
    record: Record, workspace: Workspace, prices: None, noon: datetime
) -> None:
    lot = fund(workspace, 10, expires_at=noon + timedelta(minutes=5))
    hold = place(workspace.pk, 6 * CREDIT, now=noon)
    with clock.at(noon + timedelta(minutes=10)):
        told = record(held("req", hold, 4))
    assert (told.balance.available, told.balance.debt) == (0, 0)
    assert Lot.objects.get(pk=lot).remaining == 0
    assert kinds() == ["hold.settle", "hold.release", "lot.expire"]
    assert verify().problems == []


# Batches


def test_events_with_holds_are_charged_by_operations_of_their_own(
    batch: Record, workspace: Workspace, hold: int, noon: datetime
) -> None:
    late = place(workspace.pk, 2 * CREDIT, now=noon, seconds=60)
    plain = [event(f"plain{index}", model="", usage={"messages": 1}) for index in range(2)]
    free = event("free", model="", usage={"static_messages": 1})
    with clock.at(noon + timedelta(minutes=5)):
        result = batch([plain[0], held("held", hold, 4), free, held("late", late, 1), plain[1]])
    assert (result.accepted, result.rejected, result.nano) == (5, [], 7 * CREDIT)
    assert (result.balance.available, result.balance.held) == (8 * CREDIT, 0)
    events = UsageEvent.objects.in_bulk(field_name="pk").values()
    operations = {one.event_id: one.operation for one in events}
    assert {name: one.key for name, one in operations.items() if one and not one.key.startswith("batch:")} == {
        "held": "service:held",
        "late": "service:late",
    }
    assert operations["plain0"] == operations["plain1"]
    offsets = {one.event_id: one.offset for one in events}
    assert offsets == {"plain0": 0, "held": 0, "free": CREDIT, "late": 0, "plain1": CREDIT}
    charges = Transfer.objects.filter(operation__namespace="usage").exclude(kind="hold.release").order_by("seq")
    assert list(charges.values_list("kind", "amount")) == [
        ("hold.settle", 4 * CREDIT),
        ("usage.spend", CREDIT),
        ("usage.spend", 2 * CREDIT),
    ]
    assert verify().problems == []


def test_a_bad_hold_rejects_its_event_alone(batch: Record, workspace: Workspace, hold: int, noon: datetime) -> None:
    done = place(workspace.pk, CREDIT, now=noon)
    release(workspace.pk, done, now=noon)
    other = place(workspace.pk, CREDIT, now=noon, origin="workspace")
    result = batch(
        [
            event("plain"),
            held("released", done, 1),
            held("foreign", other, 1),
            held("good", hold, 1),
            held("twice", hold, 1),
            held("good", hold, 1),
            held("unknown", 10**9, 1),
        ]
    )
    assert (result.accepted, result.duplicates) == (2, 1)
    assert [(issue.index, issue.event_id, issue.code, issue.pointer) for issue in result.rejected] == [
        (1, "released", "hold_resolved", "/hold"),
        (2, "foreign", "not_found", "/hold"),
        (4, "twice", "hold_resolved", "/hold"),
        (6, "unknown", "not_found", "/hold"),
    ]
    assert verify().problems == []


def test_an_expired_hold_stands_for_one_event_of_a_batch(batch: Record, workspace: Workspace, hold: int) -> None:
    with clock.at(Hold.objects.get().created_at + HOUR):
        result = batch([held("a", hold, 1), held("b", hold, 1)])
        assert (result.accepted, [issue.code for issue in result.rejected]) == (1, ["hold_resolved"])
        again = batch([held("a", hold, 1), held("c", hold, 1)])
    assert (again.duplicates, [issue.code for issue in again.rejected]) == (1, ["hold_resolved"])


def test_what_a_batch_releases_pays_for_its_other_events(batch: Record, workspace: Workspace, hold: int) -> None:
    result = batch([event("plain", model="", usage={"messages": 11}), held("held", hold, 4)])
    assert (result.balance.available, result.balance.debt) == (0, 0)
    assert Wallet.objects.get().held == 0


# Round trips


def test_settling_takes_two_round_trips(
    record: Record, workspace: Workspace, hold: int, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = place(workspace.pk, CREDIT, now=noon)
    record(held("warm", hold, 1))
    trips: list[int] = []
    send = Session._send

    def counting(session: Session, statements: Any) -> Any:
        trips.append(len(statements))
        return send(session, statements)

    monkeypatch.setattr(Session, "_send", counting)
    record(held("req", other, 1))
    assert len(trips) == 2


def test_a_batch_of_many_holds_asks_for_its_operations_together(
    batch: Record, workspace: Workspace, hold: int, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds = [place(workspace.pk, 1, now=noon) for _ in range(100)]
    batch([held("warm", hold, 1)])
    trips: list[int] = []
    send = Session._send

    def counting(session: Session, statements: Any) -> Any:
        trips.append(len(statements))
        return send(session, statements)

    monkeypatch.setattr(Session, "_send", counting)
    assert batch([held(f"e{pk}", pk, 1) for pk in holds]).accepted == 100
    operations = UsageEvent.objects.exclude(event_id="warm").order_by("id").values_list("operation_id", flat=True)
    assert len(set(operations)) == 100
    assert list(operations) == sorted(operations)
    assert len(trips) <= 7


# What the database itself refuses, and what verify_ledger finds


def test_the_database_keeps_one_event_per_hold(record: Record, workspace: Workspace, hold: int) -> None:
    record(held("req", hold, 1))
    record(event("other"))
    with pytest.raises(IntegrityError, match="usage_event_one_per_hold"), transaction.atomic(), rewriting():
        UsageEvent.objects.filter(event_id="other").update(hold_id=hold)


def test_a_settlement_that_lost_its_event_is_found(record: Record, workspace: Workspace, hold: int) -> None:
    record(held("req", hold, 1))
    record(event("other"))
    with rewriting():
        UsageEvent.objects.filter(event_id="req").update(hold=None)
    assert {problem.code for problem in verify().problems} == {"event_hold"}
    with rewriting():
        UsageEvent.objects.filter(event_id="other").update(hold_id=hold)
    assert {problem.code for problem in verify().problems} == {"event_hold"}


def test_an_event_that_names_an_open_hold_is_found(record: Record, workspace: Workspace, hold: int) -> None:
    record(event("req"))
    with rewriting():
        UsageEvent.objects.update(hold_id=hold)
    assert {problem.code for problem in verify().problems} == {"event_hold"}


def test_an_event_of_nothing_under_another_name_is_found(record: Record, workspace: Workspace, hold: int) -> None:
    record(event("free", model="", usage={"static_messages": 1}, hold=hold))
    with rewriting():
        UsageEvent.objects.update(event_id="renamed")
    assert {problem.code for problem in verify().problems} == {"event_hold"}


def test_a_changed_digest_of_a_settlement_is_found(record: Record, workspace: Workspace, hold: int) -> None:
    record(held("req", hold, 12))
    with rewriting():
        UsageEvent.objects.update(amount=11 * CREDIT)
    assert "usage_sum" in {problem.code for problem in verify().problems}


def test_settled_holds_are_found_by_index(record: Record, workspace: Workspace, hold: int) -> None:
    record(held("req", hold, 1))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT 1 FROM metering_usageevent WHERE hold_id = %s", [hold])
        assert "usage_event_one_per_hold" in "\n".join(row[0] for row in cursor.fetchall())
