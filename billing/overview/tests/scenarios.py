"""Workspaces in the four states, made by the real services: grants, a plan, weeks of usage."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.models import Project, User, Workspace
from accounts.roles import Role
from accounts.scopes import KeyKind
from accounts.services.keys import api_key_create
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.site.services import site_update
from billing.ledger.correction_services import lot_refund
from billing.ledger.hold_services import hold_release
from billing.ledger.models import Lot
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust, credits_grant, low_bound_set
from billing.metering.events import EventInput, Source
from billing.metering.models import UsageEvent
from billing.metering.record import usage_record, usage_record_batch
from billing.metering.reverse import usage_reverse
from billing.plans.services import workspace_open
from billing.pricing.approvals import markup_add
from billing.usage.authorize import authorize
from billing.usage.budgets.services import budget_create

SOURCE = Source(origin="service")
# model, task, agent, app, usage of a request (its quantities vary by half), requests on a working day
MIX = (
    ("anthropic/claude-sonnet-4-5", "chat", "support-bot", "web", {"input_tokens": 2600, "output_tokens": 700}, 7),
    ("openai/gpt-4o", "chat", "sales-copilot", "web", {"input_tokens": 1900, "output_tokens": 450}, 8),
    ("elevenlabs/eleven_flash_v2_5", "tts", "voice-line", "phone", {"input_characters": 640}, 6),
    ("google/gemini-2.5-flash-image", "image", "studio", "web", {"images": 1}, 2),
    ("openai/gpt-4o-mini", "summarization", "support-bot", "web", {"input_tokens": 5200, "output_tokens": 380}, 9),
    ("deepgram/nova-3", "transcription", "voice-line", "phone", {"audio_input_seconds": 95}, 4),
    ("openai/text-embedding-3-small", "retrieval", "indexer", "web", {"embedding_tokens": 8000}, 5),
)


def healthy(owner: User, *, days: int = 30) -> Workspace:
    """Plan, promotional and bought credits; a month of usage; a lot about to expire."""
    now = clock.now()
    with clock.at(now - timedelta(days=days, hours=2)):
        workspace = workspace_open(name="Northwind AI", owner=owner, plan_key="pro", time_zone="Europe/Berlin")
        _grant(workspace, "launch", 6_000, "promotion", "Launch credits", now + timedelta(days=6))
        _grant(workspace, "first", 4_000, "bought", "Top-up, first", None, unit_price=Decimal("0.005"))
    _use(workspace, now, days)
    _grant(workspace, "second", 12_000, "bought", "Top-up, second", now + timedelta(days=353))
    starts, ends = now + timedelta(days=12), now + timedelta(days=90)
    _grant(workspace, "spring", 500, "promotion", "Spring promotion", ends, starts)
    credits_adjust(
        workspace_id=workspace.pk, key="fix", amount=-120 * NANO, reason="Duplicate grant taken back", actor="operator"
    )
    low_bound_set(workspace_id=workspace.pk, bound=2_000 * NANO)
    return workspace


def busy(workspace: Workspace) -> None:
    """Holds open, settled and released, a charge that was given back, and a refund."""
    asked = {"model": "openai/gpt-4o", "usage": {"input_tokens": 400_000, "output_tokens": 90_000}, "task": "chat"}
    told = [authorize(workspace=workspace, source=SOURCE, raw=asked) for _ in range(4)]
    settling = _event("held", *MIX[1][:4], {"input_tokens": 380_000, "output_tokens": 70_000}, clock.now(), 1)
    _record(workspace, clock.now(), [settling._replace(hold=told[0].hold_id)])
    hold_release(workspace_id=workspace.pk, hold_id=told[1].hold_id, origin="service")
    charged = UsageEvent.objects.filter(workspace=workspace, amount__gt=0, hold=None).latest("pk")
    by = {"reason": "The answer was cut off", "actor": "support@operator.example"}
    usage_reverse(workspace_id=workspace.pk, pk=charged.pk, **by)
    bought = Lot.objects.get(workspace=workspace, label="Top-up, second")
    lot_refund(workspace_id=workspace.pk, lot_id=bought.pk, amount=1_000 * NANO, key="refund", **by)


def repriced() -> None:
    """A model that became dearer and cheaper, and will be dearer again."""
    now = clock.now()
    for days, percent in ((-60, 10), (-20, 5), (20, 15)):
        with clock.at(now + timedelta(days=min(days, 0))):
            at = now + timedelta(days=days)
            markup_add(percent=Decimal(percent), by="test", provider="anthropic", effective_from=at)


def low(owner: User) -> Workspace:
    """Less than its bound, but enough for a while."""
    workspace = _spent_down(owner, "Low Tide Labs")
    _grant(workspace, "rest", 420, "promotion", "Welcome credits", clock.now() + timedelta(days=3))
    low_bound_set(workspace_id=workspace.pk, bound=1_000 * NANO)
    return workspace


def stopped(owner: User) -> Workspace:
    """Spent to zero and beyond: the last requests became debt."""
    workspace = _spent_down(owner, "Still Waters")
    _record(workspace, clock.now(), [_event("last", *MIX[0][:5], clock.now() - timedelta(seconds=2), 1)])
    return workspace


def new(owner: User) -> Workspace:
    """The free plan and nothing else."""
    return workspace_open(name="Fresh Start", owner=owner)


def _spent_down(owner: User, name: str) -> Workspace:
    now, days = clock.now(), 6
    with clock.at(now - timedelta(days=days, hours=2)):
        workspace = workspace_open(name=name, owner=owner)
        _grant(workspace, "start", 20_000, "bought", "Top-up", None)
    _use(workspace, now, days)
    left, reason = balance(workspace.pk).available, "Moved to another workspace"
    credits_adjust(workspace_id=workspace.pk, key="moved", amount=-left, reason=reason, actor="operator")
    return workspace


def _grant(
    workspace: Workspace,
    key: str,
    credits: int,
    source: str,
    label: str,
    expires_at: datetime | None,
    effective_at: datetime | None = None,
    unit_price: Decimal | None = None,
) -> None:
    credits_grant(
        workspace_id=workspace.pk,
        key=key,
        amount=credits * NANO,
        source=source,
        label=label,
        kind="grant.pack" if source == "bought" else "grant.promotion",
        effective_at=effective_at,
        expires_at=expires_at,
        unit_price_usd=unit_price,
    )


def _use(workspace: Workspace, now: datetime, days: int) -> None:
    """`days` days of requests up to `now`, the same every time, recorded day by day."""
    Project.objects.get_or_create(workspace=workspace, slug="production", defaults={"name": "Production"})
    chance = random.Random(workspace.name)
    for back in range(days, -1, -1):
        end = now - timedelta(days=back)
        quiet = 0.35 if end.weekday() >= 5 else 1.0
        growth = 1.2 - 0.6 * back / max(days, 1)
        events = list(_day(end, chance, quiet * growth, since=now - timedelta(days=days)))
        _record(workspace, end, events)


def _day(end: datetime, chance: random.Random, scale: float, since: datetime) -> Iterator[EventInput]:
    for model, task, agent, app, usage, requests in MIX:
        for n in range(round(requests * scale * chance.uniform(0.7, 1.3))):
            at = max(end - timedelta(hours=chance.uniform(0, 14)), since)
            event_id = f"{task}_{end:%m%d}_{chance.getrandbits(32):08x}_{n}"
            yield _event(event_id, model, task, agent, app, usage, at, chance.uniform(0.5, 1.5))


def _event(
    event_id: str, model: str, task: str, agent: str, app: str, usage: dict[str, int], at: datetime, size: float
) -> EventInput:
    quantities = {meter: Decimal(max(round(quantity * size), 1)) for meter, quantity in usage.items()}
    return EventInput(
        event_id=event_id,
        model=model,
        usage=quantities,
        occurred_at=at,
        project="production" if app == "web" else "",
        agent=agent,
        app=app,
        task=task,
    )


def _record(workspace: Workspace, at: datetime, events: list[EventInput]) -> None:
    with clock.at(at):
        usage_record_batch(workspace_id=workspace.pk, source=SOURCE, events=events)


def budgeted(workspace: Workspace) -> None:
    """Budgets of every level, one of them used up, and a key that was paused."""
    alice = workspace.memberships.get(role=Role.OWNER).user
    project = Project.objects.get_or_create(workspace=workspace, slug="night", defaults={"name": "Night shift"})[0]
    key, _ = api_key_create(kind=KeyKind.WORKSPACE, workspace=workspace, name="nightly", scopes=["usage:read"])
    source = Source("workspace", key.pk, member_id=alice.pk)
    site_update(changes={"velocity_factor": 1, "velocity_minimum": 1}, actor="test")
    for period, credits, stops, subject in (
        ("month", 500, True, {}),
        ("day", 3, True, {"project": project}),
        ("month", 10, False, {"api_key": key}),
        ("month", 10_000, True, {"member": alice}),
    ):
        budget_create(workspace=workspace, period=period, amount=credits * NANO, stops=stops, by=alice, **subject)
    event = EventInput("night", "", {"messages": Decimal(9)}, project="night")
    usage_record(workspace_id=workspace.pk, source=source, event=event)
