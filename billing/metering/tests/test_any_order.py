"""Holds, usage, batches, reversals and the clock in any order: what comes out adds up."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.ledger.errors import HoldResolved, InsufficientCredits, NotReversible
from billing.ledger.models import HoldResolution, Transfer, Wallet
from billing.ledger.tests.helpers import release
from billing.ledger.verify import verify
from billing.metering.allowances import allowance_open
from billing.metering.errors import EventRejected
from billing.metering.models import Allowance, EventReversal, HourTotal, UsageEvent
from billing.metering.reverse import usage_reverse
from billing.metering.tests.conftest import TTS, event, fund
from billing.metering.tests.helpers import EACH, METER, reserve

pytestmark = pytest.mark.django_db
CREDIT = 10**9


class _Story:
    """Random steps of one workspace. Characters: 200 included per half hour, then 0.008 credits each."""

    def __init__(self, workspace: Workspace, seed: int, record: Callable[..., Any], batch: Callable[..., Any]) -> None:
        self.workspace = workspace
        self.random = random.Random(seed)
        self.record = record
        self.batch = batch
        self.holds: list[int] = []
        self.count = 0
        self.granted = 0
        self.grant()

    def grant(self) -> None:
        amount = self.random.randint(1, 8)
        expires = clock.now() + timedelta(minutes=self.random.randint(10, 90)) if self.random.random() < 0.5 else None
        fund(self.workspace, amount, key=f"g{self.count}-{self.granted}", expires_at=expires)
        self.granted += amount * CREDIT

    def place(self) -> None:
        with suppress(InsufficientCredits):
            hold, _ = reserve(self.workspace, self.random.randint(0, 60), minutes=self.random.randint(1, 20))
            self.holds.append(hold)

    def release(self) -> None:
        with suppress(HoldResolved):
            if self.holds:
                release(self.workspace.pk, self.random.choice(self.holds), now=clock.now())

    def one(self) -> Any:
        self.count += 1
        hold = self.random.choice(self.holds) if self.holds and self.random.random() < 0.6 else None
        before = timedelta(minutes=self.random.choice([0, 0, 0, 5, 40]))
        return event(
            f"e{self.count}",
            model=TTS,
            usage={METER: self.random.choice([0, 10, 40, 150])},
            agent=self.random.choice(["", "bot"]),
            occurred_at=clock.now() - before,
            hold=hold,
        )

    def single(self) -> None:
        with suppress(EventRejected):
            self.record(self.one())

    def several(self) -> None:
        result = self.batch([self.one() for _ in range(self.random.randint(1, 6))])
        assert {issue.code for issue in result.rejected} <= {"hold_resolved"}

    def reverse(self) -> None:
        if events := list(UsageEvent.objects.values_list("pk", flat=True)):
            with suppress(NotReversible):  # nothing was used
                pk = self.random.choice(events)
                usage_reverse(workspace_id=self.workspace.pk, pk=pk, reason="A test", actor="staff@example.com")

    def step(self) -> None:
        steps = [self.place, self.place, self.single, self.single, self.several, self.reverse, self.release, self.grant]
        self.random.choice(steps)()

    def adds_up(self) -> None:
        assert verify().problems == []
        wallet = Wallet.objects.get()
        charged = sum(UsageEvent.objects.values_list("amount", flat=True))
        back = sum(EventReversal.objects.values_list("amount", flat=True))
        expired = sum(Transfer.objects.filter(kind="lot.expire").values_list("amount", flat=True))
        assert wallet.available + wallet.held - wallet.debt == self.granted - charged + back - expired
        assert sum(HourTotal.objects.values_list("amount", flat=True)) == charged - back
        used = Decimal(0)
        for line_of in UsageEvent.objects.filter(reversal=None).values_list("lines", flat=True):
            used += sum(Decimal(line["from_allowance"]) for line in line_of)
        assert sum(Allowance.objects.values_list("used", flat=True)) == used


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_things_adds_up(
    workspace: Workspace, noon: datetime, record: Callable[..., Any], batch: Callable[..., Any], seed: int
) -> None:
    for half_hour in range(-4, 8):
        start = noon + half_hour * timedelta(minutes=30)
        allowance_open(
            workspace_id=workspace.pk,
            meter=METER,
            starts_at=start,
            ends_at=start + timedelta(minutes=30),
            included=Decimal(200),
        )
    story, at = _Story(workspace, seed, record, batch), noon
    for _ in range(60):
        at += timedelta(seconds=story.random.choice([1, 30, 240]))
        with clock.at(at):
            story.step()
    story.adds_up()
    # The story was worth telling: usage was paid for and given back, and holds ended in more than one way.
    assert EventReversal.objects.exists()
    assert HoldResolution.objects.values("kind").distinct().count() > 1
    assert UsageEvent.objects.filter(amount__gt=EACH).exists()
