"""Requests of the last hours that credits were held for, and one charge that was given back."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from accounts.models import ApiKey, Workspace
from billing.credits import clock
from billing.ledger.hold_services import hold_release
from billing.metering.events import EventInput, Source
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record
from billing.metering.reverse import usage_reverse
from billing.usage.authorize import authorize

SETTLED = 24
MODEL, TASK, AGENT = "openai/gpt-4o", "report", "analyst"
LONG_PROMPT, LONG_ANSWER = 24_000, 6_000  # tokens


def hold_story(workspace: Workspace, key: ApiKey, *, now: datetime, rng: Random) -> None:
    """Holds that were settled close to what they held, one that was released, one that expired, two that run."""
    source = Source("workspace", key.pk, key.project_id)
    for number in range(SETTLED):
        at = now - timedelta(minutes=4 * (SETTLED - number) + 20)
        placed = _hold(workspace, source, at)
        used = Decimal(rng.randint(LONG_ANSWER // 2, LONG_ANSWER))
        with clock.at(at + timedelta(seconds=40)):
            _settle(workspace, source, placed, number, used, clock.now())
    released = _hold(workspace, source, now - timedelta(minutes=15))
    _hold(workspace, source, now - timedelta(minutes=14), seconds=60)
    hold_release(workspace_id=workspace.pk, hold_id=released, origin=source.origin, now=now - timedelta(minutes=10))
    for minutes in (3, 1):
        _hold(workspace, source, now - timedelta(minutes=minutes), seconds=86_400)


def correction(workspace: Workspace, *, now: datetime) -> None:
    """Support gave back what a request cost whose answer was cut off."""
    charged = UsageEvent.objects.filter(workspace=workspace, amount__gt=0, hold=None, occurred_at__lt=now)
    event = charged.order_by("-occurred_at", "-pk")[10]
    reason = "The answer was cut off"
    usage_reverse(workspace_id=workspace.pk, pk=event.pk, reason=reason, actor="support", now=now)


def _hold(workspace: Workspace, source: Source, at: datetime, *, seconds: int = 900) -> int:
    """A hold for a long report; its primary key."""
    usage = {"input_tokens": LONG_PROMPT, "output_tokens": LONG_ANSWER}
    asked = {"model": MODEL, "usage": usage, "task": TASK, "agent": AGENT, "app": "web", "expires_in": seconds}
    with clock.at(at):
        return authorize(workspace=workspace, source=source, raw=asked, now=at).hold_id


def _settle(workspace: Workspace, source: Source, hold: int, number: int, used: Decimal, at: datetime) -> None:
    event = EventInput(
        event_id=f"report_{number:03}",
        model=MODEL,
        usage={"input_tokens": Decimal(LONG_PROMPT), "output_tokens": used},
        occurred_at=at,
        task=TASK,
        agent=AGENT,
        app="web",
        hold=hold,
    )
    usage_record(workspace_id=workspace.pk, source=source, event=event, now=at)
