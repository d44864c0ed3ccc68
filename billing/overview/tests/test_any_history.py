"""Whatever happens to a wallet, the balance after each row of the activity is exact, and every lot's page adds up."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.correction_services import lot_refund, operation_reverse
from billing.ledger.errors import HoldResolved, InsufficientCredits, NotReversible
from billing.ledger.hold_services import hold_release
from billing.ledger.models import Lot, Operation, Transfer, Wallet
from billing.ledger.services import credits_adjust, credits_grant
from billing.metering.errors import EventRejected
from billing.metering.events import EventInput, Source
from billing.metering.keys import CHARGES
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.reverse import usage_reverse
from billing.overview import lotpage
from billing.overview.lotpage import lot_days
from billing.overview.statement import Row, net_change, statement
from billing.overview.tests.holding import place
from billing.plans.services import workspace_open

OFTEN = {"grant": 2, "use": 2, "place": 3, "settle": 2, "give_back": 2, "wait": 2}
STEPS = [*OFTEN, "batch", "release", "refund", "undo", "adjust"]
WEIGHTED = [step for step in STEPS for _ in range(OFTEN.get(step, 1))]
SERVICE = Source("service")
scripts = st.lists(
    st.tuples(st.sampled_from(WEIGHTED), st.integers(1, 60), st.integers(0, 200)), min_size=8, max_size=40
)


@dataclass
class History:
    """One workspace to which things happen; what the ledger refuses simply does not happen."""

    workspace: Workspace
    now: datetime
    holds: list[int] = field(default_factory=list)
    count: int = 0

    def step(self, what: str, size: int, choice: int) -> None:
        self.count += 1
        self.now += timedelta(minutes=choice if what == "wait" else 1)
        with clock.at(self.now), suppress(InsufficientCredits, NotReversible, HoldResolved, EventRejected):
            getattr(self, f"do_{what}")(size, choice)

    def do_wait(self, size: int, choice: int) -> None:
        pass

    def do_grant(self, size: int, choice: int) -> None:
        credits_grant(
            workspace_id=self.workspace.pk,
            key=str(self.count),
            amount=size * NANO,
            label="Lot",
            source=("bought", "promotion")[choice % 2],
            expires_at=self.now + timedelta(hours=choice % 5) if choice % 5 else None,
            effective_at=self.now + timedelta(minutes=30) if choice % 7 == 6 and choice % 5 else None,
        )

    def do_use(self, size: int, choice: int, hold: int | None = None) -> None:
        usage_record(workspace_id=self.workspace.pk, source=SERVICE, event=self.event(size, "", hold))

    def do_batch(self, size: int, choice: int) -> None:
        events = [self.event(size, f"-{n}") for n in range(3)]
        usage_record_batch(workspace_id=self.workspace.pk, source=SERVICE, events=events)

    def do_place(self, size: int, choice: int) -> None:
        self.holds.append(place(self.workspace, size * NANO, minutes=1 + choice % 90))

    def do_settle(self, size: int, choice: int) -> None:
        if self.holds:
            self.do_use(size, choice, self.holds[-1 - choice % min(len(self.holds), 2)])

    def do_release(self, size: int, choice: int) -> None:
        if self.holds:
            hold = self.holds[-1 - choice % min(len(self.holds), 3)]
            hold_release(workspace_id=self.workspace.pk, hold_id=hold, origin=None, key=str(self.count))

    def do_give_back(self, size: int, choice: int) -> None:
        events = UsageEvent.objects.filter(workspace=self.workspace, amount__gt=0).order_by("pk")
        if events:
            event = events[choice % len(events)]
            usage_reverse(workspace_id=self.workspace.pk, pk=event.pk, reason="Wrong", actor="root")

    def do_refund(self, size: int, choice: int) -> None:
        lots = Lot.objects.filter(workspace=self.workspace).order_by("pk")
        if lots:
            pk = lots[choice % len(lots)].pk
            names = {"key": str(self.count), "reason": "Asked", "actor": "root"}
            lot_refund(workspace_id=self.workspace.pk, lot_id=pk, amount=size * NANO, **names)

    def do_undo(self, size: int, choice: int) -> None:
        done = Operation.objects.filter(workspace=self.workspace).exclude(kind__startswith="usage.").order_by("pk")[1:]
        if done:
            names = {"key": str(self.count), "reason": "Mistake", "actor": "root"}
            pk = done[choice % len(done)].pk
            operation_reverse(workspace_id=self.workspace.pk, operation_id=pk, **names)

    def do_adjust(self, size: int, choice: int) -> None:
        names = {"key": str(self.count), "reason": "Counted again", "actor": "root"}
        credits_adjust(workspace_id=self.workspace.pk, amount=(size if choice % 2 else -size) * NANO, **names)

    def event(self, size: int, suffix: str = "", hold: int | None = None) -> EventInput:
        quantities = {"input_tokens": Decimal(size * 10_000 + 7)}  # 0.3 credits per 10,000, and a crumb
        return EventInput(f"e{self.count}{suffix}", "openai/gpt-4o-mini", quantities, hold=hold)


def pages(workspace: Workspace, show: str, limit: int) -> list[Row]:
    found = statement(workspace.pk, show=show, limit=limit)
    rows = list(found.rows)
    while found.cursor:
        found = statement(workspace.pk, show=show, cursor=found.cursor, limit=limit)
        rows += found.rows
    return rows


def check_statement(workspace: Workspace) -> None:
    wallet = Wallet.objects.get(pk=workspace.pk)
    rows = pages(workspace, "all", 1_000)
    assert (rows[0].balance if rows else 0) == wallet.available + wallet.held - wallet.debt
    assert not rows or rows[-1].balance == rows[-1].delta
    for later, earlier in pairwise(rows):
        assert later.balance - later.delta == earlier.balance
    moved = [t for t in Transfer.objects.filter(workspace=workspace) if net_change(t) and t.kind not in CHARGES]
    assert {row.transfer.pk for row in rows if row.transfer} == {transfer.pk for transfer in moved}
    charged = Transfer.objects.filter(workspace=workspace, kind__in=CHARGES)
    assert -sum(row.delta for row in rows if row.hour) == sum(transfer.amount for transfer in charged)
    said = {row.place: (row.delta, row.balance) for row in rows}
    assert {row.place: (row.delta, row.balance) for row in pages(workspace, "all", 3)} == said
    by_filter = [row for show in ("usage", "in", "out") for row in pages(workspace, show, 3)]
    assert {row.place: (row.delta, row.balance) for row in by_filter} == said
    assert len(by_filter) == len(rows)


def check_lots(workspace: Workspace) -> None:
    for lot in Lot.objects.filter(workspace=workspace):
        moved, before = 0, None
        while True:
            found = lot_days(lot.pk, before=before)
            moved += sum(day.delta for day in found.days)
            if not found.cursor:
                break
            before = int(found.cursor)
        assert moved == lot.remaining - lot.amount


@pytest.mark.parametrize("histories", [15, pytest.param(40, marks=pytest.mark.slow)], ids=["small", "full"])
def test_balances_stay_exact_whatever_happens(prices: None, alice: User, histories: int) -> None:
    @settings(max_examples=histories, deadline=None)
    @given(script=scripts)
    def stay_exact(script: list[tuple[str, int, int]]) -> None:
        lived_exactly(alice, script)

    stay_exact()


def lived_exactly(alice: User, script: list[tuple[str, int, int]]) -> None:
    history = History(workspace_open(name="Any", owner=alice), clock.now())
    kept, lotpage.TAKES = lotpage.TAKES, 4
    try:
        history.step("grant", 100, 0)
        for step in script:
            history.step(*step)
        check_statement(history.workspace)
        check_lots(history.workspace)
    finally:
        lotpage.TAKES = kept
