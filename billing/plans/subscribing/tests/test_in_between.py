"""What happens while something waits: for its payment, for an answer of Stripe, for a lock, for a job."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.errors import Refused
from billing.credits import clock
from billing.foundation.due.registry import run_due
from billing.gateway.subscriptions import subscription
from billing.plans.models import AutoUpgrade, PlanVersion, Subscription, SubscriptionChange
from billing.plans.subscribing import autoupgrade, giving
from billing.plans.subscribing.errors import ChangeStale
from billing.plans.subscribing.state import subscription_apply
from billing.plans.subscribing.tests.conftest import Till
from billing.plans.subscribing.tests.test_auto_upgrade import agree, run, spend, tier


@pytest.mark.django_db
def test_a_month_that_began_while_the_upgrade_waited_for_its_payment(till: Till) -> None:
    """Of a year that is paid, months begin also while an upgrade of it is not paid."""
    row = till.start("team", "year")
    till.advance(days=27, seconds=60_000)
    till.card("pm_card_chargeCustomerFail")
    shown = till.shown("team", "year", 1)
    waits = till.confirm(shown)
    till.advance(seconds=10 * 3_600)
    with till.time() as now:
        assert now > row.next_period_at
        (opened,) = run_due(only="plan_periods")
    assert opened.error == ""
    assert [lot[0] for lot in till.lots()] == [4_000, 4_000]
    till.simulated.client.post(f"_hosted/invoices/{waits.invoice_id}/pay", number="4242424242424242")
    till.asked_anew()
    till.asked_anew()
    waits.refresh_from_db()
    assert waits.status == "done"
    second = row.next_period_at
    until = till.lots()[-1][2]
    assert sorted(till.lots()[-2:]) == [(4_000, second, until), (4_000, second, until)]
    assert len(till.lots()) == 4
    till.advance(days=31)
    till.look()
    assert till.lots()[-1][0] == 8_000
    till.sound()


@pytest.mark.django_db
def test_what_was_shown_to_begin_anew_at_once_is_granted_by_its_period_alone(till: Till) -> None:
    """Asked before an update of the portal, and paid after it."""
    till.start("plus")
    shown = till.shown("team")
    shown.shown["new_periods"] = True
    shown.save(update_fields=["shown"])
    assert shown.credits
    assert till.confirm(shown).status == "done"
    assert [lot[0] for lot in till.lots()] == [1_000]


@pytest.mark.django_db
def test_another_interval_that_was_shown_to_begin_at_once_is_stale(till: Till) -> None:
    till.start("plus")
    shown, charged = till.shown("team"), till.charged()
    shown.interval = "year"
    shown.save(update_fields=["interval"])
    with pytest.raises(ChangeStale):
        till.confirm(shown)
    assert (till.charged(), till.row.version.plan.key) == (charged, "plus")


@pytest.mark.django_db
def test_an_answer_that_was_overtaken_changes_nothing(till: Till) -> None:
    """Somebody asked Stripe before the month became a year, and is slower than who found the year begun."""
    first = till.start("plus")
    till.advance(days=10)
    with till.time():
        before = subscription(str(till.row.stripe_id))
    assert till.change("plus", "year").status == "done"
    till.advance(days=19)
    till.look()
    row, lots = till.row, till.lots()
    assert row.pk != first.pk  # from the 28th on, no longer from the 31st
    with till.time() as now:
        for asked_at in (before.asked_at, row.asked_at):  # by another machine's clock it was the same instant
            assert asked_at is not None
            assert subscription_apply(replace(before, asked_at=asked_at), now=now) == row
    till.asked_anew()
    assert (till.row, till.lots()) == (row, lots)
    till.sound()


@pytest.mark.django_db
def test_months_that_were_not_paid_stay_so_when_it_begins_anew(till: Till) -> None:
    """A subscription that was paused goes on from another day."""
    row = till.start("plus")
    Subscription.objects.filter(pk=row.pk).update(status="unpaid", past_due_since=row.next_period_at)
    with till.time():
        state = subscription(str(row.stripe_id))
    anew = state.anchor + timedelta(days=70)
    state = replace(state, anchor=anew, period_start=anew, paid_until=anew + timedelta(days=30))
    with clock.at(anew + timedelta(hours=1)):
        subscription_apply(state, now=anew + timedelta(hours=1))
    assert [lot[:2] for lot in till.lots()] == [(1_000, row.anchor), (1_000, anew)]


@pytest.mark.django_db(transaction=True)
def test_two_hear_of_new_periods_at_once(till: Till) -> None:
    """The second one waits, and finds what the first one began."""
    till.start("plus")
    till.advance(days=10)
    row = till.row
    with till.time() as now:
        state = subscription(str(row.stripe_id))
    anew = now - timedelta(seconds=30)
    until = anew + timedelta(days=31)
    state = replace(state, anchor=anew, period_start=anew, period_end=until, paid_until=until)
    found: list[Any] = []

    def second() -> None:
        try:
            with clock.at(now):
                found.append(subscription_apply(state, now=now))
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=second)
    with clock.at(now), transaction.atomic():
        first = subscription_apply(state, now=now)
        thread.start()
        _until_one_waits()
    thread.join(20)
    assert found == [first]
    assert [lot[0] for lot in till.lots()] == [1_000, 1_000]


def _until_one_waits() -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with connection.cursor() as cursor:
        for _ in range(20_000):
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


@pytest.mark.django_db
def test_less_by_the_year_begins_when_the_month_is_over(till: Till) -> None:
    """Stripe would give the rest of the month back, of which the credits stay."""
    row = till.start("team", tier=2)
    shown = till.shown("plus", "year")
    assert (shown.kind, shown.amount_due, shown.credits) == ("downgrade", 0, 0)
    assert shown.effective_at == row.paid_until
    charged = till.charged()
    assert till.confirm(shown).status == "done"
    till.advance(days=29)
    till.look()
    row = till.row
    assert (row.version.plan.key, row.interval) == ("plus", "year")
    assert till.charged() - charged == 20_000
    assert [lot[0] for lot in till.lots()] == [16_000, 1_000]
    till.sound()


@pytest.mark.django_db
def test_withdrawn_while_it_is_prepared(till: Till, monkeypatch: Any) -> None:
    till.start("team")
    agreed = agree(till)
    spend(till, 4_000, "a")
    prepared = autoupgrade._prepared

    def withdrawn_meanwhile(*given: Any) -> Any:
        found = prepared(*given)
        AutoUpgrade.objects.filter(pk=agreed.pk).update(withdrawn_at=clock.now(), withdrawn_by="test")
        return found

    monkeypatch.setattr(autoupgrade, "_prepared", withdrawn_meanwhile)
    charged = till.charged()
    run(till)
    assert (tier(till), till.charged()) == (0, charged)


@pytest.mark.django_db
def test_another_worker_confirms_the_automatic_upgrade_meanwhile(till: Till) -> None:
    """What Stripe was asked for stays asked for: else it would be paid, and its credits never come."""
    till.start("team")
    agreed = agree(till)
    spend(till, 4_000, "a")
    with till.time() as now:
        choice = till.choice("team", tier=1)
        change = autoupgrade._prepared(agreed, choice, "auto:x", now)
        assert change is not None

        def asked_meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if sql.startswith('UPDATE "plans_subscriptionchange"') and "lapsed" in params:
                with connection.cursor() as cursor:
                    cursor.execute("UPDATE plans_subscriptionchange SET status = 'asked' WHERE status = 'shown'")
            return execute(sql, params, many, context)

        with connection.execute_wrapper(asked_meanwhile):
            autoupgrade._prepared(agreed, choice, "auto:x", now)
    assert SubscriptionChange.objects.get(pk=change.pk).status == "asked"


@pytest.mark.django_db
def test_paid_while_staff_give_a_plan(till: Till, monkeypatch: Any) -> None:
    """A plan that is paid for is never taken the place of, however late it was paid."""
    change = till.change("plus")
    locks: list[str] = []

    def noted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        locks.append(sql)
        return execute(sql, params, many, context)

    team = PlanVersion.objects.get(plan__key="team")
    with till.time(), connection.execute_wrapper(noted):
        giving.plan_give(workspace=till.workspace, version=team, reason="test", actor=till.person)
    first = next(place for place, sql in enumerate(locks) if "FOR NO KEY UPDATE" in sql)
    looked = next(place for place, sql in enumerate(locks) if '"plans_subscription"' in sql)
    assert '"accounts_workspace"' in locks[first]
    assert first < looked
    assert "redirect" in till.simulated.pay(str(change.session_id))
    till.look()
    with pytest.raises(Refused):
        giving.plan_give(workspace=till.workspace, version=team, reason="test", actor=till.person)


@pytest.mark.django_db
def test_late_news_of_another_subscription_decide_nothing(till: Till) -> None:
    """Else an upgrade would count as failed, and its credits never come; or a cancellation as done that was not."""
    till.start("plus")
    till.card("pm_card_chargeCustomerFail")
    waits = till.confirm(till.shown("team"))
    with till.time() as now:
        state = subscription(str(till.row.stripe_id))
        ended = replace(state, id="sub_of_before", status="canceled", pending=None)
        never = replace(ended, status="incomplete_expired")
        for other in (ended, never):
            subscription_apply(other, now=now)
            waits.refresh_from_db()
            assert waits.status == "asked"
        SubscriptionChange.objects.filter(pk=waits.pk).update(status="lapsed")
        cancel = till.shown(kind="cancel")
        SubscriptionChange.objects.filter(pk=cancel.pk).update(status="asked")
        subscription_apply(ended, now=now)
    cancel.refresh_from_db()
    assert cancel.status == "asked"
