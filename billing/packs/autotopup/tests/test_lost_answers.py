"""Answers, messages and workers that are lost on the way: one charge, one credit, or none of both."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import User, Workspace
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.due import tasks as due_tasks
from billing.gateway.errors import Unavailable
from billing.gateway.looking import payment_named
from billing.gateway.payments import Payment
from billing.ledger.selectors import pending
from billing.ledger.services import credits_grant
from billing.packs.attending import notice_write
from billing.packs.autotopup import due
from billing.packs.autotopup.charging import KEY_COUNTS
from billing.packs.autotopup.hints import bound_was_crossed
from billing.packs.autotopup.models import TopUp
from billing.packs.autotopup.settings import auto_top_up_off
from billing.packs.autotopup.standing import standing
from billing.packs.autotopup.tests.conftest import (
    TopUps,
    credits_of,
    look,
    sound,
    spend,
    sweep,
    sweep_failing,
)
from billing.packs.models import Purchase
from portal.testing.simulated import SimulatedStripe

pytestmark = pytest.mark.django_db(transaction=True)
Status = Purchase.Status


def found_payment(top_up: TopUp) -> Payment:
    """As the stand-in has it."""
    purchase = top_up.purchase
    found = payment_named(purchase.workspace, "purchase", purchase.public_id, purchase.created_at - timedelta(hours=1))
    assert found is not None
    return found


def test_a_lost_message_is_made_up_for_by_the_sweep(top_ups: TopUps, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(due_tasks.run_due_task, "apply_async", lost)
    top_ups.agree()
    spend(top_ups.workspace, 60)
    bound_was_crossed(top_ups.workspace.pk)
    assert top_ups.made == []
    sweep()
    assert [each.outcome for each in top_ups.made] == ["succeeded"]


@pytest.mark.parametrize("afterwards", [True, False])
def test_an_unknown_outcome_is_asked_for_under_the_same_key(top_ups: TopUps, afterwards: bool) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    top_ups.simulated.control(
        "faults", on="payment_intents$", method="POST", times=2, status=503, afterwards=afterwards
    )
    sweep_failing()
    (made,) = top_ups.made
    assert (made.outcome, made.purchase.status) == ("", Status.OPEN)
    assert pending(top_ups.workspace.pk) == 2_000 * NANO
    assert standing(top_ups.workspace).state == "pending"
    sweep()
    assert len(top_ups.made) == 1
    with clock.at(clock.now() + timedelta(minutes=3)):
        look()
    (made,) = top_ups.made
    assert made.outcome == "succeeded"
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 2_090 * NANO)
    sound(top_ups.workspace)


def test_a_charge_that_was_never_answered_ends_before_its_key_is_forgotten(top_ups: TopUps) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    top_ups.simulated.control("faults", on="payment_intents$", method="POST", times=2, status=503)
    sweep_failing()
    (made,) = top_ups.made
    with clock.at(made.purchase.created_at + KEY_COUNTS + timedelta(minutes=1)):
        look()
        assert top_ups.made[0].outcome == "unanswered"
        assert top_ups.made[0].purchase.status == Status.CANCELED
        assert top_ups.taken == 0
        sweep()
        assert [each.outcome for each in top_ups.made] == ["unanswered", "succeeded"]
    assert top_ups.taken == 1_000


def test_switched_off_while_unanswered_is_not_charged_later(top_ups: TopUps) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    top_ups.simulated.control("faults", on="payment_intents$", method="POST", times=2, status=503)
    sweep_failing()
    auto_top_up_off(workspace=top_ups.workspace, by=top_ups.person, withdraw=False)
    for minutes in (3, 12):
        with clock.at(clock.now() + timedelta(minutes=minutes)):
            look()
    assert top_ups.made[0].purchase.status == Status.CANCELED
    assert top_ups.taken == 0


def test_a_gap_that_closed_while_unanswered_is_not_charged_later(top_ups: TopUps) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    top_ups.simulated.control("faults", on="payment_intents$", method="POST", times=2, status=503)
    sweep_failing()
    credits_grant(workspace_id=top_ups.workspace.pk, key="bought", amount=500 * NANO, label="Bought elsewhere")
    for minutes in (3, 12):
        with clock.at(clock.now() + timedelta(minutes=minutes)):
            look()
    assert top_ups.made[0].purchase.status == Status.CANCELED
    assert top_ups.taken == 0


def test_killed_between_the_charge_and_its_record(top_ups: TopUps, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    top_ups.agree()
    spend(top_ups.workspace, 60)
    with monkeypatch.context() as patched:
        patched.setattr("billing.packs.autotopup.charging._answered", die)
        with pytest.raises(Killed):
            sweep()
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 90 * NANO)
    sweep()
    assert len(top_ups.made) == 1, "one in flight"
    with clock.at(clock.now() + timedelta(minutes=3)):
        look()
        look()
    assert [each.outcome for each in top_ups.made] == ["succeeded"]
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 2_090 * NANO)
    sound(top_ups.workspace)


def test_killed_before_the_charge(top_ups: TopUps) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    assert due.top_up_begin(top_ups.workspace) is not None
    with clock.at(clock.now() + timedelta(minutes=3)):
        look()
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 2_090 * NANO)


def test_a_webhook_is_an_occasion_to_look(top_ups: TopUps, monkeypatch: pytest.MonkeyPatch) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    top_ups.simulated.control("faults", on="payment_intents$", method="POST", times=2, status=503, afterwards=True)
    sweep_failing()
    notice_write(top_ups.made[0].purchase, "payment_intent.succeeded")
    look()
    assert top_ups.made[0].outcome == "succeeded"


def test_a_real_webhook_brings_what_the_lost_answer_said(
    connected: SimulatedStripe, workspace: Workspace, alice: User
) -> None:
    credits_grant(workspace_id=workspace.pk, key="opening", amount=150 * NANO, label="Opening credits")
    top_ups = TopUps(connected, workspace, alice)
    top_ups.agree()
    spend(workspace, 60)
    connected.control("faults", on="payment_intents$", method="POST", times=2, status=503, afterwards=True)
    sweep_failing()
    connected.settle()
    look()
    assert [each.outcome for each in top_ups.made] == ["succeeded"]
    assert (top_ups.taken, credits_of(workspace)) == (1_000, 2_090 * NANO)


def test_a_silent_stripe_keeps_nobody_waiting_for_ever(top_ups: TopUps) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    top_ups.simulated.control("faults", on="payment_intents", times=50, status=503)
    run = sweep_failing()
    assert "Stripe does not answer" in run.error
    assert top_ups.made[0].sent_at is not None
    with pytest.raises(Unavailable):
        due.top_up_charge(top_ups.made[0])


def test_a_payment_that_the_bank_takes_its_time_for_stays_in_flight(
    top_ups: TopUps, monkeypatch: pytest.MonkeyPatch
) -> None:
    top_ups.agree()
    spend(top_ups.workspace, 60)
    top_ups.simulated.control("faults", on="payment_intents$", method="POST", times=2, status=503, afterwards=True)
    sweep_failing()
    (made,) = top_ups.made
    with monkeypatch.context() as patched:
        found = replace(found_payment(made), status="processing", received=0)
        patched.setattr("billing.packs.autotopup.charging._payment", lambda _: found)
        auto_top_up_off(workspace=top_ups.workspace, by=top_ups.person, withdraw=False)
        for age in (timedelta(minutes=12), KEY_COUNTS + timedelta(hours=1)):
            with clock.at(made.purchase.created_at + age):
                look()
                sweep()
    assert [each.purchase.status for each in top_ups.made] == [Status.OPEN], "no other charge meanwhile"
    with clock.at(made.purchase.created_at + KEY_COUNTS + timedelta(hours=2)):
        look()
    assert (top_ups.taken, credits_of(top_ups.workspace)) == (1_000, 2_090 * NANO)
