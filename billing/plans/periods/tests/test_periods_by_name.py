"""What the calendar of credits promises, one case each."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import Workspace
from billing.ledger.models import Lot, Transfer
from billing.ledger.selectors import balance
from billing.ledger.services import credits_adjust, credits_grant
from billing.ledger.verify import verify
from billing.metering.models import Allowance
from billing.plans.models import PlanVersion, Subscription
from billing.plans.moving import version_move
from billing.plans.periods.due import PeriodFailed, roll
from billing.plans.selectors import current_subscription
from billing.plans.services import plan_start, subscription_end, subscription_paid, version_change
from billing.plans.tasks import plan_ends, plan_periods

pytestmark = pytest.mark.django_db
Subscribed = Callable[..., Subscription]
CREDIT = 10**9
MOMENT = timedelta(microseconds=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def roll_on(now: datetime) -> None:
    while roll(now=now):
        pass


def lots() -> list[tuple[str, str, int]]:
    """(first day, last instant, credits)"""
    return [
        (f"{lot.effective_at:%Y-%m-%d}", f"{lot.expires_at:%Y-%m-%d %H:%M}", lot.amount // CREDIT)
        for lot in Lot.objects.order_by("effective_at", "id")
    ]


@pytest.mark.parametrize(("year", "last_of_february"), [(2027, "2027-02-28"), (2028, "2028-02-29")])
def test_an_anchor_on_the_31st_grants_on_the_last_day_of_shorter_months(
    subscribed: Subscribed, year: int, last_of_february: str
) -> None:
    subscribed(utc(year, 1, 31, 9, 30))
    roll_on(utc(year, 4, 30, 9, 30))
    assert [first for first, _, _ in lots()] == [f"{year}-01-31", last_of_february, f"{year}-03-31", f"{year}-04-30"]


@pytest.mark.parametrize(
    ("anchor", "end"),
    [(utc(2027, 1, 1), utc(2027, 4, 1)), (utc(2027, 1, 31, 9, 30), utc(2027, 4, 30, 9, 30))],
)
def test_with_two_months_of_rollover_a_lot_is_spendable_through_the_third_month_and_gone_then(
    subscribed: Subscribed, workspace: Workspace, anchor: datetime, end: datetime
) -> None:
    subscribed(anchor, rollover_months=2)
    assert balance(workspace.pk, end - MOMENT).available == 100 * CREDIT
    assert balance(workspace.pk, end).available == 0


def test_a_declined_renewal_grants_nothing_until_it_is_paid_and_then_exactly_its_period(
    subscribed: Subscribed, workspace: Workspace
) -> None:
    subscription = subscribed(utc(2027, 1, 31, 9), paid_until=utc(2027, 2, 28, 9), interval="month")
    for day in (28, 1, 15):
        roll_on(utc(2027, 2 if day == 28 else 3, day, 12))
    assert len(lots()) == 1
    subscription_paid(subscription.pk, until=utc(2027, 3, 31, 9), now=utc(2027, 3, 16))
    subscription_paid(subscription.pk, until=utc(2027, 3, 31, 9), now=utc(2027, 3, 17))
    assert lots()[1:] == [("2027-02-28", "2027-03-31 09:00", 100)]
    assert balance(workspace.pk, utc(2027, 3, 16)).available == 100 * CREDIT


def test_a_year_is_paid_at_once_and_granted_month_by_month_at_a_twelfth_of_its_price(subscribed: Subscribed) -> None:
    subscribed(utc(2028, 2, 29), paid_until=utc(2029, 2, 28), interval="year", yearly_price_cents=29_000)
    roll_on(utc(2030, 1, 1))
    assert len(lots()) == 12
    assert lots()[-1] == ("2029-01-29", "2029-02-28 00:00", 100)
    assert {lot.unit_price_usd for lot in Lot.objects.all()} == {Decimal("0.241666666667")}


def test_a_calendar_month_that_begins_in_its_middle_is_given_in_part(subscribed: Subscribed) -> None:
    subscribed(utc(2027, 4, 16), periods="calendar", rollover_months=1)
    roll_on(utc(2027, 5, 1))
    assert lots() == [("2027-04-16", "2027-06-01 00:00", 50), ("2027-05-01", "2027-07-01 00:00", 100)]


def test_a_cap_lets_the_oldest_lapse_and_keeps_what_was_used_since(
    subscribed: Subscribed, workspace: Workspace
) -> None:
    subscribed(utc(2027, 1, 1), rollover_months=2, rollover_cap=60 * CREDIT)
    credits_adjust(
        workspace_id=workspace.pk, key="used", amount=-10 * CREDIT, reason="Used", actor="t", now=utc(2027, 1, 9)
    )
    late = utc(2027, 2, 3)
    credits_adjust(workspace_id=workspace.pk, key="late", amount=-50 * CREDIT, reason="Used", actor="t", now=late)
    roll_on(late)  # 90 were there on 1 February: 30 lapse, and the 50 used since count among the other 60
    assert balance(workspace.pk, late).available == 110 * CREDIT
    lapse = Transfer.objects.get(kind="lot.expire")
    assert (lapse.amount, lapse.occurred_at, lapse.operation.kind) == (30 * CREDIT, utc(2027, 2, 1), "lot.lapse")
    roll_on(utc(2027, 3, 1))
    assert balance(workspace.pk, utc(2027, 3, 1)).available == 160 * CREDIT
    assert verify(workspace_id=workspace.pk).problems == []


def test_moved_to_a_version_with_a_cap_what_the_earlier_one_gave_stays_until_its_own_dates(
    subscribed: Subscribed, workspace: Workspace
) -> None:
    old = subscribed(utc(2027, 1, 1), rollover_months=2)
    roll_on(utc(2027, 2, 1))
    new = PlanVersion.objects.create(
        plan=old.version.plan,
        number=2,
        monthly_credits=100 * CREDIT,
        rollover_months=2,
        rollover_cap=30 * CREDIT,
        published_at=utc(2027, 2, 1),
    )
    version_move(version=old.version, target=new, reason="Better", actor="sam", now=utc(2027, 2, 10))
    found = {}
    for month in (3, 4, 5):
        roll_on(utc(2027, month, 1))
        found[month] = balance(workspace.pk, utc(2027, month, 1)).available // CREDIT
    # January's and February's as they were; from April on at most 30 of those that the new version gave
    assert found == {3: 300, 4: 100 + 30 + 100, 5: 30 + 100}
    assert verify(workspace_id=workspace.pk).problems == []


def test_an_ended_subscription_leaves_its_credits_and_nothing_else(
    subscribed: Subscribed, workspace: Workspace
) -> None:
    old = subscribed(
        utc(2027, 1, 10),
        paid_until=utc(2027, 3, 10),
        interval="month",
        rollover_months=2,
        allowances={"input_characters": "700"},
    )
    subscription_end(old.pk, at=utc(2027, 2, 20), now=utc(2027, 2, 21))
    subscription_end(old.pk, at=utc(2027, 2, 20), now=utc(2027, 2, 22))
    assert [credits for _, _, credits in lots()] == [100, 100]  # of February too, which was paid
    now = current_subscription(workspace.pk)
    assert now is not None
    assert (now.version.plan.key, now.anchor) == ("free", utc(2027, 2, 20))
    rows = (
        Allowance.objects.filter(ends_at__gt=utc(2027, 2, 1)).order_by("starts_at").values_list("included", "ends_at")
    )
    assert list(rows)[:2] == [(700, utc(2027, 2, 10)), (700, utc(2027, 2, 20))]
    assert [row[0] for row in list(rows)[2:]] == [1000, 1000]
    assert balance(workspace.pk, utc(2027, 3, 20)).available == 200 * CREDIT


def test_another_version_gives_what_it_includes_for_the_rest_of_the_period_and_its_credits_from_the_next(
    subscribed: Subscribed, workspace: Workspace
) -> None:
    old = subscribed(utc(2027, 1, 1), allowances={"input_characters": "700"})
    better = PlanVersion.objects.create(
        plan=old.version.plan, number=2, monthly_credits=300 * CREDIT, allowances={"input_characters": "900"}
    )
    at = utc(2027, 2, 10)  # nothing has opened February yet
    version_change(old.pk, better, at=at, now=at)
    version_change(old.pk, better, at=at, now=at + timedelta(days=1))
    roll_on(utc(2027, 3, 1))
    assert [credits for _, _, credits in lots()] == [100, 100, 300]
    rows = Allowance.objects.order_by("starts_at").values_list("starts_at", "ends_at", "included")
    assert list(rows)[1:3] == [(utc(2027, 2, 1), at, 700), (at, utc(2027, 3, 1), 900)]


def test_one_given_by_staff_ends_on_its_last_day(workspace: Workspace) -> None:
    given = plan_start(workspace=workspace, plan_key="pro", now=utc(2027, 1, 1))
    Subscription.objects.filter(pk=given.pk).update(ends_at=utc(2027, 3, 1))
    assert plan_ends(now=utc(2027, 2, 27), limit=10) == 0
    assert plan_ends(now=utc(2027, 3, 2), limit=10) == 1
    now = current_subscription(workspace.pk)
    assert now is not None
    assert (now.version.plan.key, now.anchor) == ("free", utc(2027, 3, 1))


def test_one_that_fails_undoes_its_whole_batch_and_the_job_opens_all_others(
    subscribed: Subscribed, workspace: Workspace
) -> None:
    broken = subscribed(utc(2027, 1, 1))
    for name in ("A", "B"):
        plan_start(workspace=Workspace.objects.create(name=name), plan_key="team", now=utc(2027, 1, 1))
    credits_grant(  # somebody used the key of its next period for something else
        workspace_id=workspace.pk, namespace="plan", key=f"plan:{broken.pk}:1", amount=1, label="odd"
    )
    with pytest.raises(PeriodFailed) as failed:
        roll(now=utc(2027, 2, 1))
    assert len(failed.value.subscription_ids) == 3
    assert not Subscription.objects.filter(period=1).exists()
    with pytest.raises(RuntimeError, match=rf"2 periods opened, but not of the subscriptions \[{broken.pk}\]"):
        plan_periods(now=utc(2027, 2, 1), limit=10)
    assert Subscription.objects.filter(period=1).exclude(pk=broken.pk).count() == 2
