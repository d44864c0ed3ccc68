"""What an add-on takes from the wallet, when, and how often."""

from datetime import timedelta

import pytest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.ledger.models import Operation, Transfer
from billing.plans.addons.changes import addon_preview
from billing.plans.addons.errors import ChangeConflict, NoSuchAddOn, NotEnoughCredits, PreviewOutdated, QuantityRefused
from billing.plans.addons.tests.conftest import (
    START,
    available,
    charges,
    day,
    fund,
    held,
    on_plan,
    put,
    sound,
    work,
)
from billing.plans.entitlements import entitlement
from billing.plans.limits import limits_for
from billing.plans.models import AddOn, AddOnChange, Subscription, WorkspaceAddOn

pytestmark = pytest.mark.django_db
PRICE = 500 * NANO


def test_added_with_the_period_it_costs_a_whole_month_every_period(team: Workspace) -> None:
    fund(team, 5_000)
    put(team, "concurrency", 1, at=START)
    assert charges(team) == [PRICE]
    assert work(day(2, 28, 9, 29)) == 0
    assert work(day(2, 28)) == 1
    assert work(day(2, 28)) == 0
    assert work(day(3, 31)) == 1
    assert charges(team) == [PRICE] * 3
    assert list(Operation.objects.filter(namespace="addon").order_by("pk").values_list("key", flat=True)) == [
        f"{held(team).pk}:{at}" for at in ("20260131T093000000000", "20260228T093000000000", "20260331T093000000000")
    ]
    sound(team)


def test_added_in_the_middle_it_costs_the_rest_of_the_plans_period(team: Workspace) -> None:
    fund(team, 5_000)
    put(team, "concurrency", 2, at=day(2, 14))  # the period is 31 January to 28 February: 14 of 28 days are left
    assert charges(team) == [PRICE]
    assert held(team).paid_until == day(2, 28)
    put(team, "concurrency", 5, at=day(2, 21))  # 3 more for a quarter
    assert charges(team)[1:] == [3 * PRICE // 4]
    work(day(2, 28))
    assert charges(team)[2:] == [5 * PRICE]
    sound(team)


def test_without_a_plan_months_are_counted_from_its_own_start(workspace: Workspace) -> None:
    fund(workspace, 5_000)
    put(workspace, "concurrency", 1, at=day(1, 31))
    work(day(4, 29))
    assert (len(charges(workspace)), held(workspace).paid_until) == (3, day(4, 30))


def test_on_calendar_months_the_first_part_is_to_the_months_end(alice: User) -> None:
    team = on_plan(alice, periods="calendar")
    fund(team, 5_000)
    put(team, "concurrency", 1, at=day(4, 16, 0, 0))
    assert charges(team) == [PRICE // 2]
    assert held(team).paid_until == day(5, 1, 0, 0)


def test_a_new_anchor_of_the_plan_is_followed_without_a_gap_or_an_overlap(team: Workspace) -> None:
    fund(team, 5_000)
    put(team, "concurrency", 1, at=START)
    old = Subscription.objects.get(workspace=team)
    Subscription.objects.filter(pk=old.pk).update(status="ended", ended_at=day(2, 14))
    Subscription.objects.create(
        workspace=team, version=old.version, anchor=day(2, 14), next_period_at=day(3, 14), period=0
    )
    work(day(2, 28))  # to 14 March: 14 of the 28 days of the new period
    assert charges(team) == [PRICE, PRICE // 2]
    work(day(3, 14))
    assert charges(team)[2:] == [PRICE]
    sound(team)


def test_less_of_it_and_removing_it_wait_for_the_end_of_what_is_paid(team: Workspace) -> None:
    fund(team, 9_000)
    put(team, "concurrency", 4, at=START)
    put(team, "concurrency", 1, at=day(2, 10))
    assert (held(team).quantity, held(team).next_quantity) == (4, 1)
    work(day(2, 28))
    assert (charges(team), held(team).quantity) == ([4 * PRICE, PRICE], 1)
    put(team, "concurrency", 0, at=day(3, 10))
    with clock.at(day(3, 30)):
        assert limits_for(team.pk).concurrency == 2 + 5  # paid for
    work(day(3, 31))
    assert (len(charges(team)), held(team).status, held(team).ended_at) == (2, "ended", day(3, 31))
    put(team, "concurrency", 1, at=day(3, 31, 10))  # a new one
    assert WorkspaceAddOn.objects.filter(workspace=team).count() == 2
    sound(team)


def test_a_change_to_come_can_be_taken_back(team: Workspace) -> None:
    fund(team, 9_000)
    put(team, "concurrency", 2, at=START)
    put(team, "concurrency", 0, at=day(2, 10))
    put(team, "concurrency", 2, at=day(2, 11))
    work(day(2, 28))
    assert (charges(team), held(team).status) == ([2 * PRICE] * 2, "active")


def test_missed_periods_are_caught_up_one_by_one(team: Workspace) -> None:
    fund(team, 9_000)
    put(team, "concurrency", 1, at=START)
    assert work(day(5, 15)) == 3
    assert work(day(5, 15)) == 0
    assert (charges(team), held(team).paid_until) == ([PRICE] * 4, day(5, 31))
    occurred = Transfer.objects.filter(workspace=team, kind="addon.spend").order_by("seq")
    assert [at.date().isoformat() for at in occurred.values_list("occurred_at", flat=True)] == [
        "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30",
    ]  # fmt: skip
    sound(team)


def test_an_edit_changes_nothing_for_who_has_it(team: Workspace) -> None:
    fund(team, 9_000)
    put(team, "concurrency", 1, at=START)
    AddOn.objects.filter(key="concurrency").update(monthly_credits=9 * PRICE, concurrency=1, active=False)
    work(day(2, 28))
    assert charges(team) == [PRICE] * 2
    with clock.at(day(3, 1)):
        assert limits_for(team.pk).concurrency == 7
    with pytest.raises(QuantityRefused, match="not on offer any more"):
        put(team, "concurrency", 2, at=day(3, 1))


def test_what_is_refused_changes_nothing(team: Workspace) -> None:
    fund(team, 600)
    with pytest.raises(NotEnoughCredits) as refused:
        put(team, "voice-cloning", 1, at=START)
    assert (refused.value.needed, refused.value.missing) == (2_000 * NANO, 1_400 * NANO)
    with pytest.raises(QuantityRefused, match="1 of Voice cloning at most"):
        put(team, "voice-cloning", 2, at=START)
    with pytest.raises(NoSuchAddOn, match="does not have"):
        put(team, "voice-cloning", 0, at=START)
    with pytest.raises(NoSuchAddOn):
        put(team, "moon", 1, at=START)
    assert (charges(team), WorkspaceAddOn.objects.count(), AddOnChange.objects.count()) == ([], 0, 0)
    assert available(team) == 600 * NANO


def test_a_key_is_one_change(team: Workspace) -> None:
    fund(team, 9_000)
    first = put(team, "concurrency", 2, at=START, key="k")
    put(team, "concurrency", 3, at=day(2, 1), key="l")
    again = put(team, "concurrency", 2, at=day(2, 2), key="k")
    assert (again.replay, again.change.pk, held(team).next_quantity) == (True, first.change.pk, None)
    with pytest.raises(ChangeConflict):
        put(team, "concurrency", 4, at=day(2, 2), key="k")
    assert len(charges(team)) == 2


def test_what_was_shown_is_what_is_done_or_nothing_is(team: Workspace) -> None:
    fund(team, 9_000)
    with clock.at(day(2, 14)):
        shown = addon_preview(workspace=team, addon_key="concurrency", quantity=1).change
    done = put(team, "concurrency", 1, at=day(2, 14, 9, 55), shown=shown.at)
    assert (done.change.charged, charges(team)) == (shown.charged, [shown.charged])
    with clock.at(day(2, 15)):
        shown = addon_preview(workspace=team, addon_key="concurrency", quantity=3).change
    put(team, "concurrency", 2, at=day(2, 15, 9, 31))
    with pytest.raises(PreviewOutdated):  # somebody changed it meanwhile
        put(team, "concurrency", 3, at=day(2, 15, 9, 32), shown=shown.at, expected=shown.charged)
    with pytest.raises(PreviewOutdated):
        put(team, "concurrency", 3, at=day(2, 15, 10, 2), shown=shown.at)


def test_it_is_a_right_while_it_is_there(team: Workspace) -> None:
    fund(team, 90_000)
    assert not entitlement(team.pk, "voice-cloning").entitled
    put(team, "voice-cloning", 1, at=START)
    put(team, "knowledge-bases", 3, at=START)
    put(team, "concurrency", 2, at=START)
    with clock.at(START + timedelta(days=1)):
        found = entitlement(team.pk, "voice-cloning")
        assert (found.entitled, found.kind, found.limit) == (True, "feature", None)
        assert entitlement(team.pk, "feature.knowledge-bases").limit == 3
        assert (entitlement(team.pk, "concurrency").limit, limits_for(team.pk).concurrency) == (12, 12)


def test_a_plan_without_a_limit_stays_without(alice: User) -> None:
    team = on_plan(alice, concurrency=None)
    fund(team, 900)
    put(team, "concurrency", 1, at=START)
    assert limits_for(team.pk).concurrency is None


def test_a_feature_of_the_plan_is_not_counted(alice: User) -> None:
    team = on_plan(alice, features=["Knowledge bases"])
    fund(team, 9_000)
    put(team, "knowledge-bases", 1, at=START)
    assert entitlement(team.pk, "knowledge-bases").limit is None
