"""What keeps automatic charges within what was agreed to: consent, caps, the pause for too many, constraints."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection

from accounts.models import User
from billing.credits import clock
from billing.credits.units import NANO
from billing.foundation.audit.models import AuditEntry
from billing.foundation.due import tasks as due_tasks
from billing.ledger.models import Wallet
from billing.packs.autotopup import due
from billing.packs.autotopup.models import AutoTopUp
from billing.packs.autotopup.settings import auto_top_up_off, auto_top_up_resume
from billing.packs.autotopup.standing import standing
from billing.packs.autotopup.tests.conftest import (
    TopUps,
    credits_of,
    spend,
    sweep,
)
from billing.packs.models import Purchase
from billing.packs.policies import policy_update
from portal.testing.fixtures import client_of

pytestmark = pytest.mark.django_db(transaction=True)
Status = Purchase.Status


def test_nothing_is_charged_without_consent_or_when_off(top_ups: TopUps) -> None:
    top_ups.save_card("4242424242424242")
    spend(top_ups.workspace, 100)
    sweep()
    top_ups.agree()
    auto_top_up_off(workspace=top_ups.workspace, by=top_ups.person, withdraw=False)
    sweep()
    assert (top_ups.made, top_ups.taken) == ([], 0)
    with pytest.raises(IntegrityError):
        AutoTopUp.objects.update(enabled=True, consent=None)


def test_a_spend_hints_only_when_it_crosses_the_bound(top_ups: TopUps, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(due_tasks.run_due_task, "apply_async", lambda args, **_: told.append(args))
    top_ups.agree()
    told.clear()
    for number in range(8):
        spend(top_ups.workspace, 10, f"s{number}")
    assert told == [(due.JOB,)]
    auto_top_up_off(workspace=top_ups.workspace, by=top_ups.person, withdraw=False)
    assert Wallet.objects.get(pk=top_ups.workspace.pk).topup_bound == 0


def test_the_cap_is_never_passed_and_told_once_a_period(top_ups: TopUps) -> None:
    top_ups.agree(day_cap=1_500, month_cap=2_500)
    spend(top_ups.workspace, 140)
    sweep()
    spend(top_ups.workspace, 2_000, "more")
    sweep()
    sweep()
    assert top_ups.taken == 1_000
    assert top_ups.row.waits_for == "day"
    (mail,) = top_ups.mails("topup.capped")
    assert mail.subject == "No more automatic top-ups today for Northwind AI: $15.00 are reached"
    assert "tomorrow" in standing(top_ups.workspace).sentence
    tomorrow = top_ups.row.not_before
    assert tomorrow is not None
    with clock.at(tomorrow + timedelta(seconds=1)):
        sweep()
        spend(top_ups.workspace, 2_000, "again")
        sweep()
        sweep()
    assert top_ups.taken <= 2_500
    assert len(top_ups.mails("topup.capped")) == 2


def test_too_many_an_hour_pause_it_and_alarm_operators(top_ups: TopUps, alice: User) -> None:
    alice.is_superuser = True
    alice.save()
    policy_update(on_dispute="hold", top_ups_per_hour=2, actor=alice)
    top_ups.agree(day_cap=10_000)
    for number in range(3):
        spend(top_ups.workspace, credits_of(top_ups.workspace) // NANO - 50, f"s{number}")
        sweep()
    assert top_ups.taken == 2_000
    row = top_ups.row
    assert row.enabled
    assert row.paused_at is not None
    assert [mail.kind for mail in top_ups.mails()][-2:] == ["topup.paused", "topup.alarm"]
    sweep()
    assert len(top_ups.mails("topup.paused")) == 1
    assert auto_top_up_resume(workspace=top_ups.workspace, by=alice)
    sweep()
    assert top_ups.taken == 3_000, "a person let it go on"


def test_the_database_keeps_agreements_and_one_charge_in_flight(top_ups: TopUps) -> None:
    consent = top_ups.agree()
    spend(top_ups.workspace, 60)
    made = due.top_up_begin(top_ups.workspace)
    assert made is not None
    twin = Purchase.objects.get(pk=made.pk)
    twin.pk, twin.public_id, twin.key = None, "pur_twin", "twin"
    with pytest.raises(IntegrityError, match="purchase_one_automatic_in_flight"):
        twin.save(force_insert=True)
    for statement in (
        f"UPDATE packs_topupconsent SET month_cap = 1 WHERE id = {consent.pk}",
        f"DELETE FROM packs_topupconsent WHERE id = {consent.pk}",
        "UPDATE packs_topup SET reason = 'other'",
        "DELETE FROM packs_topup",
        "UPDATE packs_purchase SET automatic = false",
    ):
        with pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.execute(statement)


def test_staff_let_it_go_on_with_a_reason(top_ups: TopUps, bob: User) -> None:
    top_ups.agree()
    AutoTopUp.objects.update(paused_at=clock.now())
    User.objects.filter(pk=bob.pk).update(is_staff=True, is_superuser=True)
    bob.refresh_from_db()
    staff, url = client_of(bob), f"/admin/packs/autotopup/{top_ups.workspace.pk}/resume/"
    form = staff.get(url, follow=True)
    assert b"the caps that the customer agreed to" in form.content
    assert staff.post(url, {"key": "k", "reason": ""}).status_code == 200
    assert top_ups.row.paused_at is not None, "not without a reason, and not by looking"
    assert staff.post(url, {"key": "k", "reason": "A launch, they called"}).status_code == 302
    row = top_ups.row
    assert (row.paused_at, row.resumed_at is not None) == (None, True)
    assert Wallet.objects.get(pk=top_ups.workspace.pk).topup_bound == row.threshold
    entry = AuditEntry.objects.get(action="auto_top_up.resumed")
    assert (entry.reason, entry.actor_id) == ("A launch, they called", bob.pk)
    assert b"They are not paused" in staff.post(url, {"key": "k2", "reason": "Again"}).content
    AutoTopUp.objects.update(paused_at=clock.now())
    staff.post(url, {"key": "k", "reason": "A launch, they called"})
    assert top_ups.row.paused_at is not None, "the form was sent before that pause"


def test_staff_without_the_right_cannot(top_ups: TopUps, bob: User) -> None:
    top_ups.agree()
    AutoTopUp.objects.update(paused_at=clock.now())
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.refresh_from_db()
    answer = client_of(bob).post(f"/admin/packs/autotopup/{top_ups.workspace.pk}/resume/", {"key": "k", "reason": "x"})
    assert answer.status_code in (302, 403)
    assert top_ups.row.paused_at is not None
