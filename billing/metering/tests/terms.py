"""Agreeing on things in tests: of characters, which cost 0.008 credits each."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts.models import Workspace
from billing.credits import clock
from billing.metering.models import MonthCount
from billing.metering.tests.conftest import TTS, event
from billing.pricing.agreed import Scope, Step
from billing.pricing.agreements import schedule_add
from billing.pricing.models import TierSchedule

METER = "input_characters"
EACH = 8_000_000  # nano-credits of a character
SOON = timedelta(seconds=61)


def off(start: int | str, percent: int | str) -> Step:
    return Step(Decimal(start), off=Decimal(percent))


def tiers(
    *steps: Step, workspace: Workspace | None = None, mode: str = "graduated", meter: str = METER, **of: str
) -> TierSchedule:
    """Steps that count from a minute ago."""
    scope = Scope(of.get("provider", ""), of.get("model", ""), meter)
    with earlier():
        return schedule_add(scope=scope, mode=mode, steps=steps, workspace=workspace, by="test")


@contextmanager
def earlier(by: timedelta = SOON) -> Iterator[None]:
    """A little before now: what is agreed on counts by now."""
    with clock.at(clock.now() - by):
        yield


def speech(event_id: str, count: int | str, **fields: Any) -> Any:
    return event(event_id, model=TTS, usage={METER: count}, **fields)


def counted(workspace: Workspace, name: str = METER, at: datetime | None = None) -> Decimal | None:
    """What the month has counted, or None."""
    month = (at or clock.now()).date().replace(day=1)
    found = MonthCount.objects.filter(workspace=workspace, name=name, month=month)
    return found.values_list("quantity", flat=True).first()
