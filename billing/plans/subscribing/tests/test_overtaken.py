"""Answers of Stripe that are written in another order than they were asked for."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from billing.credits import clock
from billing.foundation import hostclock
from billing.gateway.subscriptions import SubscriptionState, subscription
from billing.plans.models import SubscriptionNotice
from billing.plans.subscribing.state import subscription_apply
from billing.plans.subscribing.tests.conftest import Till
from billing.plans.subscribing.tests.test_in_between import _until_one_waits


def answer(till: Till) -> SubscriptionState:
    with till.time():
        return subscription(str(till.row.stripe_id))


@pytest.mark.django_db(transaction=True)
def test_of_two_that_write_at_once_the_later_question_wins(till: Till) -> None:
    """The slower one asked before the tier was raised, and waits for the lock of who asked after it."""
    till.start("team")
    till.advance(days=10)
    asked_first = answer(till)
    till.advance(seconds=60)
    shown = till.shown("team", tier=1)
    assert till.confirm(shown).status == "done"
    till.advance(seconds=60)
    asked_last, lots = answer(till), till.lots()
    found: list[Any] = []
    with till.time() as now:

        def slower() -> None:
            try:
                with clock.at(now):
                    found.append(subscription_apply(asked_first, now=now))
            except Exception as error:
                found.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=slower)
        with transaction.atomic():
            subscription_apply(asked_last, now=now)
            thread.start()
            _until_one_waits()
        thread.join(20)
    row = till.row
    assert found == [row]
    assert (row.credit_tier and row.credit_tier.number, row.asked_at) == (1, asked_last.asked_at)
    assert till.lots() == lots
    till.sound()


@pytest.mark.django_db
def test_an_answer_that_is_not_used_is_asked_for_again(till: Till) -> None:
    till.start("plus")
    asked_first = answer(till)
    till.advance(seconds=60)
    assert till.change("team").status == "done"
    SubscriptionNotice.objects.all().delete()
    with till.time() as now:
        assert subscription_apply(asked_first, now=now) == till.row
    assert [one.at for one in SubscriptionNotice.objects.all()] == [now + timedelta(minutes=1)]
    till.advance(seconds=120)
    till.look()
    assert till.row.version.plan.key == "team"


@pytest.mark.django_db
def test_what_was_asked_before_the_end_does_not_begin_it_again(till: Till) -> None:
    """Nor are operators told that it goes on at Stripe."""
    row = till.start("plus")
    asked_first = answer(till)
    till.advance(seconds=60)
    ended = answer(till)
    ended = replace(ended, status="canceled", ended_at=ended.asked_at)
    with till.time() as now:
        free = subscription_apply(ended, now=now)
        assert free is not None
        assert free.stripe_id is None
        assert subscription_apply(asked_first, now=now) == free
    row.refresh_from_db()
    assert (row.status, row.asked_at) == ("ended", ended.asked_at)


@pytest.mark.django_db
def test_a_time_that_is_yet_to_come_keeps_nothing_out(till: Till) -> None:
    """A machine whose clock was wrong asked about it; or the clock was set, and set back."""
    till.start("plus")
    now_known = answer(till)
    with clock.at(now_known.asked_at + timedelta(days=400)):
        subscription_apply(replace(now_known, asked_at=clock.now()), now=now_known.asked_at)
    till.advance(seconds=60)
    assert till.change("team").status == "done"
    assert till.row.version.plan.key == "team"


@pytest.mark.django_db
def test_questions_are_ordered_by_the_clock_that_all_machines_share(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by this machine's, which may be most of a minute ahead of another's."""
    now = clock.now()
    with monkeypatch.context() as patched:
        patched.setattr(hostclock.clock, "now", lambda: now + timedelta(seconds=45))
        assert abs(hostclock.present() - now - timedelta(seconds=45)) < timedelta(seconds=30)
        shared = hostclock.database()
    assert abs(shared - now) < timedelta(seconds=30)
    till.start("plus")
    monkeypatch.setattr(hostclock, "database", lambda: shared)
    assert answer(till).asked_at == shared
