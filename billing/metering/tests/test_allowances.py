from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Workspace
from billing.credits import clock
from billing.metering.allowances import allowance_open
from billing.metering.models import Allowance, UsageEvent
from billing.metering.selectors.included import allowances
from billing.metering.tests.conftest import HOUR, TTS, event, fund

pytestmark = pytest.mark.django_db
Record = Callable[..., Any]
DAY = timedelta(days=1)


@pytest.fixture
def characters(workspace: Workspace, noon: datetime) -> Allowance:
    """1,000 characters, in a period that ends in an hour."""
    return allowance_open(
        workspace_id=workspace.pk,
        meter="input_characters",
        starts_at=noon - 30 * DAY,
        ends_at=noon + HOUR,
        included=Decimal(1000),
    )


def speech(event_id: str, count: int, **fields: Any) -> Any:
    return event(event_id, model=TTS, usage={"input_characters": count}, **fields)


def test_included_quantities_come_before_credits(record: Record, workspace: Workspace, characters: Allowance) -> None:
    fund(workspace)
    first, second, third = record(speech("a", 600)), record(speech("b", 600)), record(speech("c", 100))
    assert [receipt.nano for receipt in (first, second, third)] == [0, 1_600_000_000, 800_000_000]
    assert [receipt.lines[0].from_allowance for receipt in (first, second, third)] == [600, 400, 0]
    assert [receipt.lines[0].quantity for receipt in (first, second, third)] == [600, 600, 100]
    characters.refresh_from_db()
    assert characters.used == 1000
    assert UsageEvent.objects.get(event_id="a").operation is None
    assert UsageEvent.objects.get(event_id="b").lines[0]["from_allowance"] == "400"


def test_a_replay_uses_nothing_up(record: Record, workspace: Workspace, characters: Allowance) -> None:
    record(speech("a", 600))
    again = record(speech("a", 600))
    assert again.replay
    assert again.lines[0].from_allowance == 600
    characters.refresh_from_db()
    assert characters.used == 600


def test_opening_a_period_again_changes_nothing(record: Record, workspace: Workspace, characters: Allowance) -> None:
    record(speech("a", 600))
    again = allowance_open(
        workspace_id=workspace.pk,
        meter="input_characters",
        starts_at=characters.starts_at,
        ends_at=characters.ends_at,
        included=Decimal(9999),
    )
    assert (again.pk, again.included, again.used) == (characters.pk, 1000, 600)


def test_a_batch_uses_one_allowance_in_its_order(batch: Record, workspace: Workspace, characters: Allowance) -> None:
    fund(workspace)
    result = batch([speech("a", 700), speech("b", 700), speech("a", 700), speech("c", 100)])
    assert (result.accepted, result.duplicates) == (3, 1)
    characters.refresh_from_db()
    assert characters.used == 1000
    taken = {stored.event_id: stored.lines[0]["from_allowance"] for stored in UsageEvent.objects.exclude(lines=[])}
    assert {name: taken[name] for name in "abc"} == {"a": "700", "b": "300", "c": "0"}


def test_each_event_uses_the_period_it_is_booked_in(
    batch: Record, record: Record, workspace: Workspace, characters: Allowance, noon: datetime
) -> None:
    fund(workspace)
    following = allowance_open(
        workspace_id=workspace.pk,
        meter="input_characters",
        starts_at=characters.ends_at,
        ends_at=characters.ends_at + 30 * DAY,
        included=Decimal(1000),
    )
    with clock.at(characters.ends_at + HOUR):
        batch(
            [
                speech("before", 300, occurred_at=characters.ends_at - timedelta(microseconds=1)),
                speech("at", 20, occurred_at=characters.ends_at),
                speech("late", 1, occurred_at=noon - 10 * DAY),
            ]
        )
        record(speech("now", 100))
    characters.refresh_from_db()
    following.refresh_from_db()
    assert (characters.used, following.used) == (300, 121)


def test_what_is_left_is_gone_at_the_periods_end(
    record: Record, workspace: Workspace, characters: Allowance, noon: datetime
) -> None:
    fund(workspace)
    with clock.at(characters.ends_at):
        assert record(speech("a", 100)).nano == 800_000_000
        assert allowances(workspace.pk) == []


def test_allowances_are_listed_with_what_is_left(record: Record, workspace: Workspace, characters: Allowance) -> None:
    record(speech("a", 600))
    (row,) = allowances(workspace.pk)
    assert (row.meter, row.included, row.used, row.left) == ("input_characters", 1000, 600, 400)
    assert row.resets_at == characters.ends_at


def test_two_allowances_of_one_meter_add_up_and_the_first_to_end_is_used_first(
    record: Record, workspace: Workspace, characters: Allowance, noon: datetime
) -> None:
    extra = allowance_open(
        workspace_id=workspace.pk,
        meter="input_characters",
        starts_at=noon - DAY,
        ends_at=noon + DAY,
        included=Decimal(500),
    )
    assert record(speech("a", 1200)).nano == 0
    characters.refresh_from_db()
    extra.refresh_from_db()
    assert (characters.used, extra.used) == (1000, 200)


def test_the_database_refuses_to_use_more_than_is_included(characters: Allowance) -> None:
    with pytest.raises(IntegrityError, match="allowance_used_within"), transaction.atomic():
        Allowance.objects.update(used=1001)
