"""From the free plan to a paid one through Checkout."""

from datetime import UTC, datetime

import pytest

from billing.foundation.outbox.models import OutboxMessage
from billing.plans.models import Subscription, SubscriptionChange
from billing.plans.subscribing.change import change_leave, change_look
from billing.plans.subscribing.errors import ChangeGone
from billing.plans.subscribing.tests.conftest import DECLINED, SECURE, START, Till

pytestmark = pytest.mark.django_db


def at(month: int, day: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, 10, tzinfo=UTC)


def test_by_the_month(till: Till) -> None:
    shown = till.shown("plus")
    assert (shown.kind, shown.amount_due, shown.credits) == ("start", 2_000, 1_000 * 10**9)
    assert "$20.00 is charged now" in " ".join(shown.shown["sentences"])
    row = till.start("plus")
    assert (row.version.plan.key, row.interval, row.status) == ("plus", "month", "active")
    assert abs(row.anchor - START).total_seconds() < 60
    assert row.paid_until is not None
    assert row.paid_until.date() == at(2, 28).date()
    assert [lot[0] for lot in till.lots()] == [1_000]
    assert till.charged() == 2_000
    assert Subscription.objects.get(workspace=till.workspace, status="ended").version.plan.key == "free"
    assert OutboxMessage.objects.filter(kind="subscription.started").count() == 1
    till.asked_anew()
    assert len(till.lots()) == 1
    till.sound()


def test_by_the_year_credits_come_by_the_month(till: Till) -> None:
    till.start("team", "year")
    assert till.charged() == 50_000
    for _ in range(3):
        till.advance(days=31)
        till.look()
    days = [lot[1].date() for lot in till.lots()]
    assert days == [at(1, 31).date(), at(2, 28).date(), at(3, 31).date(), at(4, 30).date()]
    assert till.charged() == 50_000
    till.sound()


def test_declined_then_3d_secure(till: Till) -> None:
    change = till.change("plus")
    assert "redirect" not in till.simulated.pay(str(change.session_id), DECLINED)
    with till.time():
        assert change_look(change).status == "asked"
    answer = till.simulated.pay(str(change.session_id), SECURE)
    assert till.row.stripe_id is None
    till.simulated.client.post(
        f"_hosted/authentication/{answer['redirect'].rstrip('/').rsplit('/', 1)[-1]}", approve=True
    )
    with till.time():
        change = change_look(change)
    assert change.status == "done", answer
    assert [lot[0] for lot in till.lots()] == [1_000]
    assert till.charged() == 2_000


def test_left_and_chosen_anew(till: Till) -> None:
    first = till.change("plus")
    second = till.change("team")
    first.refresh_from_db()
    assert first.status == "lapsed"
    with pytest.raises(ChangeGone):
        till.confirm(first)
    with till.time():
        assert change_leave(second).status == "lapsed"
    assert till.simulated.kinds().count("checkout.session.expired") == 2


def test_confirmed_twice_is_one_page(till: Till) -> None:
    shown = till.shown("plus")
    assert till.confirm(shown).session_id == till.confirm(SubscriptionChange.objects.get()).session_id


def test_trial(till: Till) -> None:
    shown = till.shown("trial")
    assert (shown.amount_due, shown.shown["trial_days"]) == (0, 14)
    assert "Nothing is included from now on: every request takes credits." in shown.shown["sentences"]
    row = till.start("trial")
    assert (row.status, till.charged()) == ("trialing", 0)
    assert [lot[0] for lot in till.lots()] == [2_000]
    till.advance(days=15)
    till.look()
    row = till.row
    assert (row.status, till.charged()) == ("active", 3_000)
    assert [lot[0] for lot in till.lots()] == [2_000, 2_000]
    assert row.anchor.date() == at(2, 14).date()
    till.sound()
