"""When a key is paused for spending too fast."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import ApiKey, User, Workspace
from accounts.services.key_changes import api_key_rotate
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.site.services import site_update
from billing.ledger.selectors import balance
from billing.metering.events import Source
from billing.metering.origins import cloud_origin
from billing.usage.budgets.models import KeyPace
from billing.usage.budgets.services import key_resume
from billing.usage.budgets.tests.conftest import NOW, hold, settle, source_of, spend
from billing.usage.errors import KeyPaused
from billing.usage.estimate import estimate


@pytest.fixture(autouse=True)
def small(shop: Workspace) -> None:
    """More than 5 credits and more than 3 times the usual in a minute are too many; 15 for a key that had none."""
    site_update(changes={"velocity_factor": 3, "velocity_minimum": 5}, actor="test")


def pace(key: ApiKey) -> KeyPace:
    return KeyPace.objects.get(api_key=key)


def at(minutes: float) -> Any:
    return clock.at(NOW + timedelta(minutes=minutes))


def test_a_minute_far_above_the_usual_pauses_the_key_but_is_recorded(shop: Workspace, key: ApiKey) -> None:
    spend(shop, 4, source_of(key))
    with at(1):
        spend(shop, 12, source_of(key))
        assert pace(key).paused_at is None  # three times the usual, not more
        spend(shop, 1, source_of(key))
        assert (pace(key).paused_spent, pace(key).paused_usual) == (13 * NANO, 4 * NANO)
        spend(shop, 2, source_of(key))
    assert balance(shop.pk).available == (1_000 - 19) * NANO


def test_a_paused_key_is_refused_until_it_is_resumed(shop: Workspace, key: ApiKey, alice: User) -> None:
    spend(shop, 15, source_of(key))
    assert hold(shop, 1, source_of(key)).amount == NANO
    spend(shop, 1, source_of(key))
    for ask in (
        lambda: hold(shop, 1, source_of(key)),
        lambda: estimate(workspace=shop, raw={"usage": {"messages": 0}}, source=source_of(key)),
    ):
        with pytest.raises(KeyPaused, match="16 credits within a minute"):
            ask()
    assert hold(shop, 1).amount == NANO  # the operator's backend goes on
    assert key_resume(key=key, by=alice)
    assert hold(shop, 1, source_of(key)).amount == NANO
    assert not key_resume(key=key, by=alice)
    assert AuditEntry.objects.filter(action="api_key.resumed").count() == 1


def test_after_it_was_resumed_its_pace_is_usual(shop: Workspace, key: ApiKey, alice: User) -> None:
    spend(shop, 16, source_of(key))
    spend(shop, 4, source_of(key))  # after the pause, in the same minute
    key_resume(key=key, by=alice)
    spend(shop, 1, source_of(key))
    assert pace(key).paused_at is None
    with at(2):
        spend(shop, 60, source_of(key))
        assert pace(key).paused_at is None  # three times 21 are 63
        spend(shop, 4, source_of(key))
        assert pace(key).paused_at is not None


def test_a_key_that_is_resumed_after_weeks_goes_on(shop: Workspace, key: ApiKey, alice: User) -> None:
    spend(shop, 20, source_of(key))
    with clock.at(NOW + timedelta(days=20)):
        key_resume(key=key, by=alice)
        spend(shop, 20, source_of(key))
        assert pace(key).paused_at is None


def test_the_key_that_replaces_another_is_as_busy_and_as_paused(shop: Workspace, key: ApiKey, alice: User) -> None:
    spend(shop, 12, source_of(key))
    new, _ = api_key_rotate(key=key, grace=timedelta(hours=1), expires_at=None, by=alice)
    with at(1):
        spend(shop, 36, source_of(new))
        assert pace(new).paused_at is None
        spend(shop, 1, source_of(new))
        assert pace(new).paused_at is not None
    newest, _ = api_key_rotate(key=new, grace=timedelta(hours=1), expires_at=None, by=alice)
    with pytest.raises(KeyPaused):
        hold(shop, 1, source_of(newest))


def test_a_long_source_of_cloudevents_counts_as_well(shop: Workspace, key: ApiKey) -> None:
    spend(shop, 16, Source(cloud_origin("workspace", "/" + "x" * 300), key.pk, None, key.created_by_id))
    assert pace(key).paused_at is not None


def test_service_keys_are_never_paused(shop: Workspace, service_key: tuple[ApiKey, str]) -> None:
    source = Source("service", service_key[0].pk)
    spend(shop, 500, source)
    assert KeyPace.objects.count() == 0
    assert hold(shop, 1, source).amount == NANO


def test_settling_a_hold_is_spending(shop: Workspace, key: ApiKey) -> None:
    held = hold(shop, 50, source_of(key))
    assert KeyPace.objects.count() == 0
    settle(shop, held, 50, source_of(key))
    assert pace(key).paused_at is not None


def test_the_usual_is_forgotten_after_a_week_without_it(shop: Workspace, key: ApiKey) -> None:
    spend(shop, 4, source_of(key))
    with clock.at(NOW + timedelta(days=7)):
        spend(shop, 1, source_of(key))
        assert (pace(key).busiest, pace(key).busiest_before) == (0, 4 * NANO)
    with clock.at(NOW + timedelta(days=14)):
        spend(shop, 1, source_of(key))
        assert (pace(key).busiest, pace(key).busiest_before) == (0, 1 * NANO)
    with clock.at(NOW + timedelta(days=28)):
        spend(shop, 1, source_of(key))
        assert (pace(key).busiest, pace(key).busiest_before) == (0, 0)


def test_what_happened_long_ago_says_nothing_of_the_pace(shop: Workspace, key: ApiKey) -> None:
    spend(shop, 500, source_of(key), occurred_at=(NOW - timedelta(hours=1)).isoformat())
    assert KeyPace.objects.count() == 0
    spend(shop, 4, source_of(key), occurred_at=(NOW - timedelta(minutes=1)).isoformat())
    spend(shop, 3, source_of(key))
    spend(shop, 4, source_of(key), occurred_at=(NOW - timedelta(minutes=1)).isoformat())  # comes late: not counted anew
    assert (pace(key).spent, pace(key).busiest, pace(key).paused_at) == (3 * NANO, 4 * NANO, None)


def test_it_can_be_switched_off(shop: Workspace, key: ApiKey) -> None:
    site_update(changes={"velocity_factor": 0}, actor="test")
    spend(shop, 500, source_of(key))
    assert pace(key).paused_at is None
