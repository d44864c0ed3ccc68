"""A customer's clone is quoted, held for, and charged once when it is verified; otherwise it costs nothing."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction

from accounts.models import User, Workspace
from billing.credits.units import NANO
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.book import open_book
from billing.ledger.models import Hold, HoldResolution
from billing.ledger.records import OperationDraft
from billing.ledger.selectors import balance
from billing.usage.budgets.recount import count_anew
from billing.usage.budgets.services import budget_create
from billing.usage.budgets.verify import verify_budgets
from billing.voices.building import voice_tier
from billing.voices.clones.errors import CloneRefused, NotCovered, QuoteOutdated
from billing.voices.clones.making import MOST_DRAFTS, clone_cancel, clone_delete, draft_make
from billing.voices.clones.ordering import clone_ended, clone_order
from billing.voices.clones.verify import verify_clones
from billing.voices.jobs.services import job_resume
from billing.voices.models import EngineVersion, Voice, VoiceJob
from billing.voices.tests.clones import HAD, adds_up, charged, ordered, price, spend
from billing.voices.tests.conftest import CONSENT, Plan, price_tier, work

pytestmark = pytest.mark.django_db


def test_it_is_held_for_and_charged_once_when_it_is_verified(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    cost = price(team)
    job = ordered(voice, alice)
    there = balance(team.pk)
    assert (there.available, there.held, charged(team)) == (HAD - cost, cost, 0)
    work()
    voice.refresh_from_db()
    job.refresh_from_db()
    there = balance(team.pk)
    assert (voice.state, voice.tier, job.state, job.error) == ("enabled", "standard", "done", "")
    assert (there.available, there.held, charged(team)) == (HAD - cost, 0, cost)
    assert job.charge is not None
    assert job.charge.reason == "Voice clone “Ada”, Standard"
    assert HoldResolution.objects.get(hold=job.hold).operation_id == job.charge_id
    mail = OutboxMessage.objects.get(kind="voice.ready")
    assert voice.public_id in mail.text
    assert "test engine" in mail.text
    with transaction.atomic():  # whoever tells it again is told what was done
        clone_ended(VoiceJob.objects.select_for_update(of=("self",)).get(pk=job.pk))
    assert charged(team) == cost
    adds_up(team)


def test_it_costs_nothing_when_it_cannot_be_made(made: Callable[..., Voice], alice: User, plan: Plan) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    for said in ({"fail": {voice.public_id: "too noisy"}}, {"unverified": [voice.public_id]}, {"crash": True}):
        plan(**said)
        job = ordered(voice, alice)
        work()
        voice.refresh_from_db()
        job.refresh_from_db()
        there = balance(team.pk)
        assert (voice.state, there.available, there.held, charged(team)) == ("draft", HAD, 0, 0), said
        assert job.error
        assert job.charge is None
        with pytest.raises(ValidationError, match="ask for it again"):
            job_resume(job.pk, by="staff") if job.resumable else clone_refused(job)
    assert OutboxMessage.objects.filter(kind="voice.failed").count() == 3
    plan()
    ordered(voice, alice)
    work()
    assert charged(team) == price(team)
    adds_up(team)


def test_budgets_are_for_requests_and_add_up_while_it_is_held_for(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    budget = budget_create(workspace=team, period="day", amount=NANO, stops=True, by=alice)
    ordered(voice, alice)
    with open_book(team.pk) as book:
        count_anew(book, [budget])
    budget.refresh_from_db()
    assert (budget.held, verify_budgets(team.pk)) == (0, [])
    work()
    assert charged(team) > budget.amount
    assert verify_budgets(team.pk) == []


def clone_refused(job: VoiceJob) -> None:
    from billing.voices.clones.ordering import clone_resumed

    clone_resumed(job)


def test_a_higher_tier_costs_the_difference_once_it_is_there(
    made: Callable[..., Voice], alice: User, plan: Plan
) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    ordered(voice, alice)
    work()
    voice.refresh_from_db()
    low, high = price(team, "standard"), price(team, "premium")
    assert 0 < low < high
    plan(fail={voice.public_id: "no"})
    ordered(voice, alice, "premium")
    assert balance(team.pk).held == high - low
    work()
    voice.refresh_from_db()
    assert (voice.state, voice.tier, balance(team.pk).available) == ("enabled", "standard", HAD - low)
    plan()
    ordered(voice, alice, "premium")
    voice.refresh_from_db()
    assert voice.tier == "standard"  # it serves as before until the better one is verified
    work()
    voice.refresh_from_db()
    assert (voice.tier, charged(team), balance(team.pk).available) == ("premium", high, HAD - high)
    with pytest.raises(CloneRefused, match="higher"):
        clone_order(workspace=team, voice=voice, tier="standard", expected=0, by=alice)
    adds_up(team)


def test_who_stops_it_pays_nothing(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    job = ordered(voice, alice)
    assert clone_cancel(voice, by=alice)
    job.refresh_from_db()
    assert (job.state, balance(team.pk).available, balance(team.pk).held) == ("cancelled", HAD, 0)
    assert not OutboxMessage.objects.filter(kind__startswith="voice.").exists()
    assert not clone_cancel(voice, by=alice)
    clone_delete(voice, by=alice)
    assert Voice.objects.get().state == "deleted"
    adds_up(team)


def test_what_is_held_for_it_pays_no_debt(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    cost = price(team)
    ordered(voice, alice)
    spend(team, HAD)
    assert balance(team.pk).debt == cost
    work()
    voice.refresh_from_db()
    there = balance(team.pk)
    assert (voice.state, charged(team), there.debt, there.held) == ("enabled", cost, cost, 0)


@pytest.mark.parametrize("left", [True, False])
def test_a_hold_that_expired_is_charged_from_what_is_there(made: Callable[..., Voice], alice: User, left: bool) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    cost = price(team)
    job = ordered(voice, alice)
    with connection.cursor() as cursor:  # a day goes by
        cursor.execute("SET LOCAL purser.ledger_rewrite = 'on'")
        cursor.execute(
            "UPDATE ledger_hold SET created_at = created_at - interval '25 hours',"
            " expires_at = expires_at - interval '25 hours', open_until = open_until - interval '25 hours'"
        )
        cursor.execute("UPDATE ledger_wallet SET next_due_at = next_due_at - interval '25 hours'")
    if not left:
        spend(team, HAD)
    work()
    voice.refresh_from_db()
    job.refresh_from_db()
    there = balance(team.pk)
    assert (there.held, there.debt) == (0, 0)
    assert HoldResolution.objects.get().kind == "expire"
    if left:
        assert (voice.state, charged(team), there.available) == ("enabled", cost, HAD - cost)
    else:
        assert (voice.state, charged(team), job.charge) == ("draft", 0, None)
        assert "Add" in job.error
    assert verify_clones(team.pk) == []


def test_it_is_made_at_the_price_that_was_shown_or_not_at_all(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    with pytest.raises(QuoteOutdated):
        clone_order(workspace=team, voice=voice, tier="standard", expected=price(team) + 1, by=alice)
    job = ordered(voice, alice)
    agreed = balance(team.pk).held
    price_tier("standard", 4)
    assert price(team) > agreed
    work()
    job.refresh_from_db()
    assert (job.state, charged(team)) == ("done", agreed)


def test_what_is_refused_holds_nothing(
    made: Callable[..., Voice], alice: User, plan: Plan, settings: LazySettings
) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    other = Workspace.objects.create(name="Another")
    with pytest.raises(CloneRefused, match="not yours"):
        clone_order(workspace=other, voice=voice, tier="standard", expected=0, by=alice)
    with pytest.raises(CloneRefused, match="Choose a tier"):
        clone_order(workspace=team, voice=voice, tier="golden", expected=0, by=alice)
    settings.STRIPE_LIVE_MODE = True
    with pytest.raises(CloneRefused, match="at present"):  # real money for the noise of a test engine
        ordered(voice, alice)
    settings.STRIPE_LIVE_MODE = False
    plan(lacks={"standard": ["Clip 1 is too noisy."]})
    noisy = made("Bob")
    with pytest.raises(CloneRefused, match="too noisy"):
        ordered(noisy, alice)
    plan()
    spend(team, HAD - price(team) + 1)
    with pytest.raises(NotCovered, match="Add"):
        ordered(voice, alice)
    assert not Hold.objects.exists()
    assert not VoiceJob.objects.filter(kind="rebuild", voice=voice).exists()


def test_one_thing_at_a_time_is_done_for_a_voice(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    ordered(voice, alice)
    with pytest.raises(CloneRefused, match="Another job"):
        ordered(voice, alice)
    assert Hold.objects.count() == 1
    with pytest.raises(CloneRefused, match="being done for this voice"):
        clone_delete(voice, by=alice)


def test_drafts_are_few(rich: Workspace, active: EngineVersion, alice: User) -> None:
    for number in range(MOST_DRAFTS):
        draft_make(workspace=rich, name=f"Voice {number}", language="en", consent=CONSENT, by=alice)
    with pytest.raises(CloneRefused, match="drafts already"):
        draft_make(workspace=rich, name="One more", language="en", consent=CONSENT, by=alice)


def test_what_was_agreed_on_stays(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    job = ordered(voice, alice)
    work()
    job.refresh_from_db()
    for change in ({"price_snapshot": {"nano": 1}}, {"hold": None}, {"charge": None}):
        with pytest.raises(DatabaseError), transaction.atomic():
            VoiceJob.objects.filter(pk=job.pk).update(**change)


def test_a_charge_without_its_clone_is_found(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    with open_book(team.pk) as book:
        operation = OperationDraft("voice", "charge:nobody", bytes(32), "addon.spend")
        book.pay(operation=operation, amount=5 * NANO, kind="addon.spend")
    (problem,) = verify_clones(team.pk)
    assert "its job says 0" in problem.detail


def test_staff_move_a_customers_voice_for_nothing(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    ordered(voice, alice)
    work()
    paid = charged(team)
    assert voice_tier(voice.pk, tier="premium", by="staff") is not None
    work()
    voice.refresh_from_db()
    assert (voice.tier, charged(team)) == ("premium", paid)
