"""Clones that a worker, staff or their owner left unfinished: nobody pays twice, or for nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, transaction

from accounts.models import User
from billing.credits import clock
from billing.foundation.outbox.models import OutboxMessage
from billing.ledger.models import Hold
from billing.ledger.selectors import balance
from billing.pricing.book import invalidate
from billing.pricing.models import PriceLine
from billing.voices.clones.duework import voice_clones
from billing.voices.clones.errors import CloneRefused
from billing.voices.clones.making import clone_cancel, clone_delete, recordings_add
from billing.voices.clones.ordering import clone_ended
from billing.voices.clones.quoting import quotes
from billing.voices.clones.selectors import voice_page
from billing.voices.clones.words import OURS
from billing.voices.jobs.services import interrupt_silent, job_claim
from billing.voices.jobs.work import work_next
from billing.voices.models import Voice, VoiceJob, VoiceJobItem
from billing.voices.services import voice_retire
from billing.voices.tests.clones import HAD, adds_up, charged, interrupted, ordered, price
from billing.voices.tests.conftest import upload, work

pytestmark = pytest.mark.django_db


def test_a_dead_worker_costs_nobody_anything(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    job = ordered(voice, alice)
    held = balance(team.pk).held
    for attempt in (1, 2):
        assert job_claim() is not None
        interrupt_silent(clock.now() + timedelta(minutes=5), 10)
        job.refresh_from_db()
        assert (job.state, job.attempt, balance(team.pk).held) == ("interrupted", attempt, held)
        assert voice_clones(now=clock.now(), limit=10) == 1
    work()
    job.refresh_from_db()
    assert (job.state, job.attempt, charged(team)) == ("done", 3, held)
    adds_up(team)


def test_after_three_interruptions_the_credits_are_given_back(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    job = ordered(voice, alice)
    for _ in range(3):
        assert job_claim() is not None
        interrupt_silent(clock.now() + timedelta(minutes=5), 10)
        voice_clones(now=clock.now(), limit=10)
    job.refresh_from_db()
    assert (job.state, balance(team.pk).available) == ("failed", HAD)
    assert "interrupted 3 times" in job.error
    assert "on our side" in OutboxMessage.objects.get(kind="voice.failed").text
    assert work_next() is None
    adds_up(team)


def test_one_that_was_interrupted_is_still_being_made(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    job = interrupted(ordered(voice, alice))
    with pytest.raises(CloneRefused, match="Another job"):
        ordered(voice, alice)
    with pytest.raises(CloneRefused, match="being done for this voice"):
        clone_delete(voice, by=alice)
    with pytest.raises(CloneRefused):
        recordings_add(voice, [upload("one more")], by=alice)
    assert (Hold.objects.count(), voice_page(team, voice).row.working) == (1, job)
    assert clone_cancel(voice, by=alice)
    job.refresh_from_db()
    assert (job.state, balance(team.pk).available) == ("cancelled", HAD)
    ordered(voice, alice)
    work()
    assert charged(team) == price(team)
    adds_up(team)


def test_the_database_knows_one_clone_of_a_voice(made: Callable[..., Voice], alice: User) -> None:
    job = interrupted(ordered(made(), alice))
    with pytest.raises(DatabaseError), transaction.atomic():
        VoiceJob.objects.create(kind="rebuild", voice=job.voice, requested_by="a test", price_snapshot={"nano": 1})


@pytest.mark.parametrize("upgrade", [False, True])
def test_what_staff_did_meanwhile_stays_done_and_costs_nothing(
    made: Callable[..., Voice], alice: User, upgrade: bool
) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    if upgrade:
        ordered(voice, alice)
        work()
        voice.refresh_from_db()
    paid = charged(team)
    ordered(voice, alice, "premium" if upgrade else "standard")
    voice_retire(voice.pk, reason="a complaint", by="staff")
    work()
    voice.refresh_from_db()
    assert (voice.state, voice.tier, charged(team), balance(team.pk).held) == ("retired", "standard", paid, 0)
    told = OutboxMessage.objects.get(kind="voice.failed").text
    assert "Ask for it once more" in told
    adds_up(team)


def test_one_that_cannot_go_on_keeps_nobody_else_waiting(made: Callable[..., Voice], alice: User) -> None:
    broken, whole = made("Ada"), made("Grace")
    team = broken.owner
    assert team is not None
    jobs = [interrupted(ordered(each, alice)) for each in (broken, whole)]
    VoiceJob.objects.filter(pk=jobs[0].pk).update(work_removed_at=clock.now())
    assert voice_clones(now=clock.now(), limit=10) == 2
    work()
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert (broken.state, whole.state, charged(team)) == ("draft", "enabled", price(team))
    adds_up(team)


def test_a_worker_that_died_when_all_was_built_costs_only_time(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    job = ordered(voice, alice)
    VoiceJobItem.objects.filter(job=job).update(state="done")
    interrupted(job)
    assert voice_clones(now=clock.now(), limit=10) == 1
    work()
    voice.refresh_from_db()
    assert (voice.state, charged(team)) == ("enabled", price(team))


def test_an_upgrade_costs_the_difference_to_what_was_paid_where_that_tier_is_sold_no_more(
    made: Callable[..., Voice], alice: User
) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    ordered(voice, alice)
    work()
    voice.refresh_from_db()
    low, high = price(team, "standard"), price(team, "premium")
    PriceLine.objects.filter(meter="voice_clones", dims={"tier": "standard"}).delete()
    invalidate()
    assert set(quotes(team.pk)) == {"premium"}
    assert price(team, "premium", voice) == high - low


def test_what_was_built_of_other_recordings_is_not_believed(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    job = ordered(voice, alice)
    Voice.objects.filter(pk=voice.pk).update(stack_hash="0" * 64)
    work()
    job.refresh_from_db()
    assert (job.state, charged(team), balance(team.pk).held) == ("failed", 0, 0)


def test_who_stopped_it_in_its_last_moment_pays_nothing(made: Callable[..., Voice], alice: User) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    job = ordered(voice, alice)
    claimed = job_claim()
    assert claimed is not None
    assert clone_cancel(voice, by=alice)
    job.refresh_from_db()
    job.state, job.finished_at = "done", clock.now()
    job.items.update(state="done")
    job.save()
    with transaction.atomic():
        clone_ended(VoiceJob.objects.select_for_update(of=("self",)).get(pk=job.pk))
    voice.refresh_from_db()
    assert (voice.state, charged(team), balance(team.pk).held) == ("draft", 0, 0)


def test_owners_read_nothing_of_the_inside(made: Callable[..., Voice], alice: User, settings: LazySettings) -> None:
    voice = made()
    team = voice.owner
    assert team is not None
    settings.VOICE_PIPELINE_CMD = ["/no/such/program"]
    job = ordered(voice, alice)
    work()
    job.refresh_from_db()
    assert "/no/such/program" in job.error
    assert "/no/such" not in OutboxMessage.objects.get(kind="voice.failed").text
    assert voice_page(team, voice).said == OURS
