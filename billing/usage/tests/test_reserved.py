"""What a plan includes is set aside by holds, like credits are."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.cache import clear_all
from billing.ledger.hold_services import hold_release
from billing.ledger.services import credits_grant
from billing.ledger.verify import verify
from billing.metering.allowances import allowance_open
from billing.metering.events import Source
from billing.metering.models import Allowance
from billing.metering.record import usage_record
from billing.metering.validate import parse_event
from billing.plans.models import Plan, PlanVersion, Subscription
from billing.usage.authorize import authorize
from billing.usage.authorized import Authorized
from billing.usage.errors import OutOfCredits
from billing.usage.estimate import estimate
from billing.usage.settle import settlement
from billing.usage.tests.conftest import NOW

SERVICE = Source("service")
TTS = "elevenlabs/eleven_flash_v2_5"  # 0.008 credits a character


@pytest.fixture
def included(workspace: Workspace, shop: None) -> Workspace:
    """Northwind AI without credits, with 1,000 characters."""
    allowance_open(
        workspace_id=workspace.pk,
        meter="input_characters",
        starts_at=NOW - timedelta(days=1),
        ends_at=NOW + timedelta(days=1),
        included=Decimal(1000),
    )
    return workspace


def hold_for(workspace: Workspace, characters: int, **body: Any) -> Authorized:
    raw = {"model": TTS, "usage": {"input_characters": characters}} | body
    return authorize(workspace=workspace, source=SERVICE, raw=raw)


def free(workspace: Workspace, characters: int) -> bool:
    """Whether an estimate says that so many characters cost nothing."""
    raw = {"model": TTS, "usage": {"input_characters": characters}}
    try:
        return estimate(workspace=workspace, raw=raw).nano == 0
    except OutOfCredits:
        return False


def used(workspace: Workspace, hold: int, characters: int) -> int:
    event = parse_event(settlement(workspace.pk, hold, {"usage": {"input_characters": characters}}))
    return usage_record(workspace_id=workspace.pk, source=SERVICE, event=event).nano


def test_what_is_included_is_held_without_credits(included: Workspace) -> None:
    found = hold_for(included, 600)
    assert (found.amount, found.held, found.lines[0].from_allowance) == (0, 0, 600)
    with pytest.raises(OutOfCredits) as caught:
        hold_for(included, 600)
    assert caught.value.needed == 1_600_000_000
    assert hold_for(included, 400).amount == 0
    with pytest.raises(OutOfCredits):
        hold_for(included, 1)
    assert Allowance.objects.get().used == 0
    assert verify().ok


def test_an_estimate_leaves_out_what_is_reserved(included: Workspace) -> None:
    assert free(included, 1000)
    hold_for(included, 600, expires_in=60)
    assert free(included, 400)
    assert not free(included, 401)
    with clock.at(NOW + timedelta(seconds=60)):
        assert free(included, 1000)


def test_beyond_what_is_included_credits_are_held(included: Workspace) -> None:
    credits_grant(workspace_id=included.pk, key="start", amount=10 * NANO, label="Start")
    found = hold_for(included, 1500)
    assert (found.amount, found.lines[0].from_allowance) == (4 * NANO, 1000)
    assert used(included, found.hold_id, 1250) == 2 * NANO
    assert Allowance.objects.get().used == 1000


def test_a_hold_uses_what_it_reserved_and_frees_the_rest(included: Workspace) -> None:
    hold = hold_for(included, 600).hold_id
    assert used(included, hold, 500) == 0
    assert Allowance.objects.get().used == 500
    assert hold_for(included, 500).amount == 0


def test_what_a_released_hold_reserved_is_free_again(included: Workspace) -> None:
    hold = hold_for(included, 1000).hold_id
    hold_release(workspace_id=included.pk, hold_id=hold, origin="service")
    assert hold_for(included, 1000).amount == 0


def test_so_many_credits_reserve_nothing_included(included: Workspace) -> None:
    credits_grant(workspace_id=included.pk, key="start", amount=10 * NANO, label="Start")
    assert hold_for(included, 1000, max_credits=3).amount == 3 * NANO
    assert hold_for(included, 1000).amount == 0


def test_a_period_that_nobody_opened_in_time_is_opened(workspace: Workspace, shop: None) -> None:
    plan = Plan.objects.create(key="test", name="Test")
    version = PlanVersion.objects.create(plan=plan, number=1, published_at=NOW, allowances={"input_characters": "1000"})
    Subscription.objects.create(
        workspace=workspace, version=version, anchor=NOW, next_period_at=NOW + timedelta(days=30)
    )
    clear_all()
    assert not Allowance.objects.exists()
    assert hold_for(workspace, 600).amount == 0
    with pytest.raises(OutOfCredits):
        hold_for(workspace, 600)
    assert Allowance.objects.get().included == 1000
