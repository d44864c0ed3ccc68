"""Real threads on real connections: what is held is never more than there is, and a key holds once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Workspace
from billing.credits.units import NANO
from billing.foundation.cache import clear_all
from billing.ledger.errors import IdempotencyConflict
from billing.ledger.models import Hold
from billing.ledger.selectors import balance
from billing.ledger.services import credits_grant
from billing.ledger.verify import verify
from billing.metering.allowances import allowance_open
from billing.metering.events import Source
from billing.metering.record import usage_record
from billing.metering.tests.test_races import together
from billing.metering.validate import parse_event
from billing.plans.models import Plan, PlanVersion
from billing.plans.services import plan_start
from billing.pricing.testing import import_demo_prices
from billing.usage.authorize import authorize
from billing.usage.authorized import Authorized
from billing.usage.errors import ConcurrencyExceeded, OutOfCredits
from billing.usage.settle import settlement

pytestmark = pytest.mark.django_db(transaction=True)
SERVICE = Source("service")
TTS = "elevenlabs/eleven_flash_v2_5"


@pytest.fixture(autouse=True)
def shop(transactional_db: None) -> None:
    import_demo_prices()


def fund(workspace: Workspace, credits: int) -> None:
    credits_grant(workspace_id=workspace.pk, key="start", amount=credits * NANO, label="Start")


def hold_for(workspace: Workspace, key: str = "", **body: Any) -> Authorized:
    return authorize(workspace=workspace, source=SERVICE, raw=body, idempotency_key=key)


def test_together_they_hold_no_more_than_the_balance(workspace: Workspace) -> None:
    fund(workspace, 10)
    jobs = [lambda: [attempt(workspace) for _ in range(4)]] * 8
    outcomes = [held for worker in together(*jobs) for held in worker]
    assert outcomes.count(True) == 10
    now = balance(workspace.pk)
    assert (now.available, now.held, Hold.objects.count()) == (0, 10 * NANO, 10)
    assert verify().problems == []


def test_together_no_more_run_than_the_plan_lets(workspace: Workspace) -> None:
    fund(workspace, 1_000)
    plan = Plan.objects.create(key="three", name="Three")
    version = PlanVersion.objects.create(plan=plan, number=1, concurrency=3, published_at=timezone.now())
    plan_start(workspace=workspace, plan_key=version.plan.key)
    clear_all()

    def attempts() -> list[bool]:
        placed = []
        for _ in range(3):
            try:
                hold_for(workspace, usage={"messages": 1})
            except ConcurrencyExceeded:
                placed.append(False)
            else:
                placed.append(True)
        return placed

    outcomes = [held for worker in together(*[attempts] * 6) for held in worker]
    assert (outcomes.count(True), Hold.objects.count(), balance(workspace.pk).open_holds) == (3, 3, 3)
    assert verify().problems == []


def attempt(workspace: Workspace) -> bool:
    try:
        hold_for(workspace, usage={"messages": 1})
    except OutOfCredits:
        return False
    return True


def test_two_holds_cannot_both_have_what_is_included_once(workspace: Workspace) -> None:
    now = timezone.now()
    allowance_open(
        workspace_id=workspace.pk,
        meter="input_characters",
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=1),
        included=Decimal(1000),
    )
    job = lambda: hold_for(workspace, model=TTS, usage={"input_characters": 600})  # noqa: E731
    first, second = sorted(together(job, job), key=lambda found: isinstance(found, OutOfCredits))
    assert (first.amount, first.lines[0].from_allowance) == (0, 600)
    assert isinstance(second, OutOfCredits)
    assert second.needed == 1_600_000_000  # 200 characters at $40 a million, $0.005 a credit
    assert hold_for(workspace, model=TTS, usage={"input_characters": 400}).amount == 0


def test_the_same_key_at_the_same_moment_holds_once(workspace: Workspace) -> None:
    fund(workspace, 10)
    found = together(*[lambda: hold_for(workspace, key="k", usage={"messages": 1})] * 6)
    assert sorted(each.replay for each in found) == [False] + [True] * 5
    assert len({(each.hold_id, each.available, each.held) for each in found}) == 1
    mixed = together(*(lambda n=n: hold_for(workspace, key="m", usage={"messages": n}) for n in (1, 2)))
    assert sorted(isinstance(each, IdempotencyConflict) for each in mixed) == [False, True]
    assert Hold.objects.count() == 2


def test_a_hold_is_settled_once_however_many_report_it(workspace: Workspace) -> None:
    fund(workspace, 10)
    hold = hold_for(workspace, usage={"messages": 2}).hold_id
    event = parse_event(settlement(workspace.pk, hold, {"usage": {"messages": 1}}))
    found = together(*[lambda: usage_record(workspace_id=workspace.pk, source=SERVICE, event=event)] * 6)
    assert sorted(receipt.replay for receipt in found) == [False] + [True] * 5
    now = balance(workspace.pk)
    assert (now.available, now.held) == (9 * NANO, 0)
    assert verify().problems == []
