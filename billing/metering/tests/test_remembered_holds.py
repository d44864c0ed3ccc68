"""A hold that this process placed is settled by what it remembers, and only while that is how it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger import roundtrip
from billing.ledger.hold_services import hold_extend
from billing.ledger.models import Hold, HoldResolution, Lot, Wallet
from billing.ledger.services import overdraft_set
from billing.ledger.tests.helpers import place, release
from billing.ledger.verify import verify
from billing.metering import record as recording
from billing.metering.errors import EventConflict, EventRejected
from billing.metering.models import UsageEvent
from billing.metering.settling import _placed
from billing.metering.tests.conftest import SERVICE, event, fund
from billing.metering.tests.helpers import remember
from billing.metering.tests.test_holds import CREDIT, held

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]


@pytest.fixture
def hold(workspace: Workspace, prices: None, noon: datetime) -> int:
    """10 of 15 credits."""
    fund(workspace, 15)
    placed = place(workspace.pk, 10 * CREDIT, now=noon)
    remember(workspace, placed)
    return placed


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement of the ledger's round trips."""
    statements: list[str] = []
    run = roundtrip.run

    def kept(raw: Any, several: Any) -> Any:
        statements.extend(sql for sql, _ in several)
        return run(raw, several)

    monkeypatch.setattr(roundtrip, "run", kept)
    return statements


def reads(sent: list[str], table: str) -> int:
    return sum(f"FROM {table} " in " ".join(sql.split()) for sql in sent)


def test_nothing_is_read_but_whether_it_is_open(record: Record, hold: int, sent: list[str]) -> None:
    told = record(held("req", hold, 4))
    assert (told.hold_status, told.balance.available, told.balance.held) == ("settled", 11 * CREDIT, 0)
    assert reads(sent, "ledger_holdresolution") == reads(sent, "metering_usageevent") == 0
    assert reads(sent, "ledger_hold") == 1
    assert verify().problems == []


def test_what_was_settled_elsewhere_is_answered_as_there(record: Record, workspace: Workspace, hold: int) -> None:
    placed = _placed.take((workspace.pk, hold))  # of this process; another one settles it
    assert placed is not None
    first = record(held("req", hold, 4))
    _placed.keep({(workspace.pk, hold): replace(placed)})
    again = record(held("req", hold, 4))
    assert (again.replay, again.nano, again.hold_status) == (True, first.nano, "settled")
    _placed.keep({(workspace.pk, hold): placed})
    with pytest.raises(EventRejected, match="settled"):
        record(held("other", hold, 4))
    assert (UsageEvent.objects.count(), HoldResolution.objects.count()) == (1, 1)
    assert verify().problems == []


def test_what_was_released_elsewhere_pays_for_nothing(record: Record, workspace: Workspace, hold: int) -> None:
    release(workspace.pk, hold, now=clock.now())
    with pytest.raises(EventRejected, match="released"):
        record(held("req", hold, 4))
    assert UsageEvent.objects.count() == 0
    assert verify().problems == []


def test_one_that_was_given_more_time_elsewhere_is_open(record: Record, workspace: Workspace, hold: int) -> None:
    hold_extend(workspace_id=workspace.pk, hold_id=hold, origin="service", expires_in=timedelta(hours=2))
    with clock.at(clock.now() + timedelta(hours=1)):
        assert record(held("req", hold, 4)).hold_status == "settled"
    assert verify().problems == []


def test_one_whose_time_is_over_has_expired(record: Record, workspace: Workspace, hold: int) -> None:
    with clock.at(clock.now() + timedelta(hours=1)):
        told = record(held("req", hold, 4))
        assert (told.hold_status, told.balance.available) == ("expired", 11 * CREDIT)
        remember(workspace, hold)
        assert record(held("req", hold, 4)).replay
    assert HoldResolution.objects.get().kind == "expire"
    assert verify().problems == []


@pytest.mark.parametrize("other", ["usage", "hold"])
def test_an_id_that_was_used_before_settles_nothing(
    record: Record, workspace: Workspace, hold: int, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.setattr(recording, "forget_everything", lambda: pytest.fail("nothing that is remembered was wrong"))
    if other == "usage":
        record(event("req", model="", usage={"messages": 1}))
    else:
        record(held("req", place(workspace.pk, CREDIT, now=clock.now()), 1))
    before = Wallet.objects.values().get()
    with pytest.raises(EventConflict):
        record(held("req", hold, 4))
    assert Wallet.objects.values().get() == before
    assert Hold.objects.get(pk=hold).open_until is not None
    assert record(held("another", hold, 4)).hold_status == "settled"
    assert verify().problems == []


def test_one_that_pins_no_lot_is_read(record: Record, workspace: Workspace, prices: None, noon: datetime) -> None:
    overdraft_set(workspace_id=workspace.pk, limit=20 * CREDIT)
    placed = place(workspace.pk, 10 * CREDIT, now=noon)
    remember(workspace, placed)
    told = record(held("req", placed, 4))
    assert (told.hold_status, told.balance.debt, told.balance.overdraft_held) == ("settled", 4 * CREDIT, 0)
    assert verify().problems == []


def test_another_one_of_the_same_number_is_read(record: Record, workspace: Workspace, hold: int) -> None:
    """As after a backup was restored under a process that goes on."""
    placed = _placed.take((workspace.pk, hold))
    assert placed is not None
    stale = replace(placed, created_at=placed.created_at - timedelta(days=1), amount=CREDIT, pins=[])
    _placed.keep({(workspace.pk, hold): stale})
    assert record(held("req", hold, 4)).balance.available == 11 * CREDIT
    assert Lot.objects.get().held == 0
    assert verify().problems == []


def test_a_refusal_forgets_it_and_the_next_report_reads(record: Record, workspace: Workspace, hold: int) -> None:
    customer = replace(SERVICE, origin="workspace")
    with pytest.raises(EventRejected):
        record(held("req", hold, 4), customer)
    assert _placed.get((workspace.pk, hold)) is None
    assert record(held("req", hold, 4)).hold_status == "settled"
    assert verify().problems == []
