"""Settlements that reach the process which authorised: one round trip, and the same as any other way."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User, Workspace
from accounts.scopes import KeyKind, Scope
from accounts.services.keys import api_key_create
from billing.credits.units import NANO
from billing.foundation.cache import clear_all
from billing.ledger.book import Book, resume_book
from billing.ledger.models import Operation, Wallet
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.ledger.verify import verify
from billing.metering import settling
from billing.metering.allowances import allowance_open
from billing.metering.errors import EventConflict, EventRejected
from billing.metering.events import Source
from billing.metering.known import forget_everything
from billing.metering.models import Allowance, UsageEvent
from billing.metering.receipts import Receipt
from billing.metering.record import usage_record
from billing.metering.reporters import SourceChanged
from billing.metering.tests.test_races import together
from billing.metering.validate import parse_event
from billing.pricing.testing import import_demo_prices
from billing.usage.authorize import authorize
from billing.usage.budgets.models import Budget, BudgetPeriod
from billing.usage.budgets.services import budget_create
from billing.usage.settle import settlement
from billing.usage.tests.conftest import MINI

pytestmark = pytest.mark.django_db(transaction=True)
SERVICE = Source("service")
TTS = "elevenlabs/eleven_flash_v2_5"
ASKED = {"model": MINI, "usage": {"input_tokens": 900, "output_tokens": 300}}
USED = {"usage": {"input_tokens": 900, "output_tokens": 200}, "end_user": "u_1"}


@pytest.fixture(autouse=True)
def shop(transactional_db: None) -> None:
    import_demo_prices()
    forget_everything()


@pytest.fixture
def funded(workspace: Workspace) -> Workspace:
    credits_grant(workspace_id=workspace.pk, key="start", amount=100 * NANO, label="Start")
    return workspace


def hold_for(workspace: Workspace, source: Source = SERVICE, **body: Any) -> int:
    return authorize(workspace=workspace, source=source, raw=body or ASKED).hold_id


def settle(workspace: Workspace, hold: int, source: Source = SERVICE, **said: Any) -> Receipt:
    event = parse_event(settlement(workspace.pk, hold, said or USED))
    return usage_record(workspace_id=workspace.pk, source=source, event=event)


def pair(workspace: Workspace, source: Source = SERVICE) -> Receipt:
    return settle(workspace, hold_for(workspace, source), source)


def spend(workspace: Workspace, messages: int = 1) -> None:
    raw = {"event_id": f"e{UsageEvent.objects.count()}", "usage": {"messages": messages}}
    usage_record(workspace_id=workspace.pk, source=SERVICE, event=parse_event(raw))


def test_one_round_trip_and_the_same_receipt_as_when_all_is_read(
    funded: Workspace, trips: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(funded)  # makes its series and its end user, which it then knows
    hold = hold_for(funded)
    trips.clear()
    resumed = settle(funded, hold)
    assert len(trips) == 1
    monkeypatch.setattr(settling, "BUSY", 1000)
    settling.was_busy(funded.pk)
    hold = hold_for(funded)
    trips.clear()
    plain = settle(funded, hold)
    assert len(trips) == 2
    same = {"event_id": "", "occurred_at": None, "balance": None}
    assert replace(resumed, **same) == replace(plain, **same)
    assert resumed.balance.available - plain.balance.available == plain.nano
    assert resumed.hold_status == "settled"
    assert verify().problems == []


def test_a_hold_that_nobody_can_ask_for_again_is_named_by_its_operation(funded: Workspace) -> None:
    first, second = hold_for(funded), hold_for(funded)
    named = Operation.objects.filter(kind="hold.place").order_by("pk").values_list("pk", "namespace", "key")
    assert list(named) == [(first, "hold", str(first)), (second, "hold", str(second))]
    assert len(set(Operation.objects.values_list("request_hash", flat=True))) == 3
    assert verify().problems == []


def test_others_who_were_faster_are_seen_and_for_a_while_nothing_is_left(
    funded: Workspace, trips: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(funded)
    hold = hold_for(funded)
    spend(funded, 10)
    trips.clear()
    found = settle(funded, hold)
    assert len(trips) == 3  # the one that stopped, and then as usual
    assert found.balance.available == 90 * NANO - 2 * found.nano
    hold = hold_for(funded)
    trips.clear()
    settle(funded, hold)
    assert len(trips) == 2
    later = settling.monotonic() + settling.BUSY + 1
    monkeypatch.setattr(settling, "monotonic", lambda: later)
    hold = hold_for(funded)
    trips.clear()
    settle(funded, hold)
    assert len(trips) == 1
    assert verify().problems == []


def test_it_is_settled_once_whoever_repeats_it(funded: Workspace) -> None:
    hold = hold_for(funded)
    found = settling._left.get(funded.pk)
    assert found is not None
    left = found[1]
    stale = replace(left, holds=[replace(each) for each in left.holds], lots=[replace(each) for each in left.lots])
    first = settle(funded, hold)
    settling._left.keep({funded.pk: (hold, stale)})
    settling._placed.keep({(funded.pk, hold): replace(stale.holds[0])})
    again = settle(funded, hold)
    assert (again.replay, again.nano) == (True, first.nano)
    with pytest.raises(EventRejected, match="settled"):
        settle(funded, hold, event_id="another", **USED)
    assert balance(funded.pk).available == 100 * NANO - first.nano
    assert verify().problems == []


def test_an_event_that_is_known_already_settles_nothing(funded: Workspace) -> None:
    usage_record(workspace_id=funded.pk, source=SERVICE, event=parse_event({"event_id": "e", "usage": {"messages": 1}}))
    hold = hold_for(funded)
    before = Operation.objects.count(), Wallet.objects.values().get()
    with pytest.raises(EventConflict):
        settle(funded, hold, event_id="e", **USED)
    assert (Operation.objects.count(), Wallet.objects.values().get()) == before
    assert settle(funded, hold).hold_status == "settled"
    assert verify().problems == []


def test_a_key_that_was_revoked_meanwhile_reports_nothing(funded: Workspace) -> None:
    key, _ = api_key_create(kind=KeyKind.SERVICE, workspace=None, name="Backend", scopes=[Scope.USAGE_WRITE])
    same = "SELECT 1 FROM accounts_apikey WHERE id = %s AND revoked_at IS NULL", (str(key.pk),)
    source = Source("service", api_key_id=key.pk, unchanged=same)
    hold = hold_for(funded, source)
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    with pytest.raises(SourceChanged):
        settle(funded, hold, source)
    assert (UsageEvent.objects.count(), balance(funded.pk).held > 0) == (0, True)
    assert verify().problems == []


def test_what_came_to_be_included_meanwhile_pays(funded: Workspace) -> None:
    asked = {"model": TTS, "usage": {"input_characters": 600}}
    hold = hold_for(funded, **asked)
    now = timezone.now()
    allowance_open(
        workspace_id=funded.pk,
        meter="input_characters",
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=1),
        included=Decimal(1000),
    )
    assert settle(funded, hold, usage=asked["usage"]).nano == 0
    assert (Allowance.objects.get().used, balance(funded.pk).available) == (600, 100 * NANO)
    hold = hold_for(funded, **asked)
    assert settling._left.get(funded.pk) is None  # whoever settles it has to know what is included
    assert settle(funded, hold, usage=asked["usage"]).nano == 1_600_000_000
    assert verify().problems == []


def test_budgets_are_counted(funded: Workspace, alice: User, trips: list[list[str]]) -> None:
    budget_create(workspace=funded, period="day", amount=50 * NANO, stops=True, by=alice)
    pair(funded)
    hold = hold_for(funded)
    assert Budget.objects.get().held > 0
    trips.clear()
    found = settle(funded, hold)
    assert sum("ledger_as_left" in sql for trip in trips for sql in trip) >= 1
    assert (Budget.objects.get().held, BudgetPeriod.objects.get().spent) == (0, 2 * found.nano)
    assert verify().problems == []


@pytest.mark.parametrize("own_names", [False, True])
@pytest.mark.parametrize("faster", ["nobody", "the other"])
def test_of_two_who_settle_one_hold_at_once_one_does(
    funded: Workspace, monkeypatch: pytest.MonkeyPatch, faster: str, own_names: bool
) -> None:
    hold = hold_for(funded)
    taken, other_is_done = threading.Event(), threading.Event()

    @contextmanager
    def late(*given: Any, **more: Any) -> Iterator[Book]:
        """What was left is in hand by now."""
        taken.set()
        assert faster == "nobody" or other_is_done.wait(20)
        with resume_book(*given, **more) as book:
            yield book

    monkeypatch.setattr("billing.metering.record.resume_book", late)

    def settled(name: str) -> Receipt:
        said: dict[str, Any] = {**USED, "event_id": name} if own_names else USED
        return settle(funded, hold, **said)

    def other() -> Receipt:
        assert taken.wait(20)
        try:
            return settled("other")
        finally:
            other_is_done.set()

    told = together(lambda: settled("resumed"), other)
    charged = [each for each in told if isinstance(each, Receipt) and not each.replay]
    assert len(charged) == 1
    if own_names:
        (refused,) = (each for each in told if isinstance(each, EventRejected))
        assert refused.code == "hold_resolved"
    else:
        assert [each.nano for each in told] == [charged[0].nano] * 2
    if faster != "nobody":
        assert told[1] is charged[0]
    assert UsageEvent.objects.count() == 1
    assert (balance(funded.pk).available, balance(funded.pk).held) == (100 * NANO - charged[0].nano, 0)
    assert verify().problems == []


def test_many_at_once_in_few_workspaces_add_up(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "BUSY", 0)  # it is tried with every request
    workspaces = [Workspace.objects.create(name=f"Customer {number}") for number in range(4)]
    for workspace in workspaces:
        credits_grant(workspace_id=workspace.pk, key="start", amount=100 * NANO, label="Start")
    clear_all()
    tried: list[bool] = []
    was_busy = settling.was_busy
    monkeypatch.setattr("billing.metering.record.was_busy", lambda pk: (tried.append(True), was_busy(pk)))

    def work(number: int) -> Callable[[], int]:
        def run() -> int:
            return sum(pair(workspaces[(number + turn) % 4]).nano for turn in range(12))

        return run

    charged = together(*map(work, range(8)))
    assert sum(charged) == sum(UsageEvent.objects.values_list("amount", flat=True))
    assert UsageEvent.objects.count() == 96
    assert sum(balance(each.pk).available for each in workspaces) == 400 * NANO - sum(charged)
    assert [balance(each.pk).held for each in workspaces] == [0] * 4
    assert 0 < len(tried) < 96  # some were resumed, and some could not be
    assert verify().problems == []
