"""What the database itself refuses, whoever asks."""

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.credits import clock
from billing.voices.jobs.work import work_next
from billing.voices.models import Conditioning, EngineChannel, EngineVersion, ReferenceClip, Rollout, Voice, VoiceJob
from billing.voices.rollouts.steps import rollout_begin
from billing.voices.tests.conftest import draft, enabled, engine, promote

pytestmark = pytest.mark.django_db


def refused(rows: Any, **changes: Any) -> str:
    with pytest.raises((IntegrityError, DatabaseError)) as error, transaction.atomic():
        rows.update(**changes)
    return str(error.value)


def of(row: Any) -> Any:
    return type(row).objects.filter(pk=row.pk)


def test_a_voice(active: EngineVersion) -> None:
    voice, other = enabled("Ada"), draft("Bob", clips=0, consent=None)
    assert "voice_enabled_has_consent_clips_price" in refused(of(other), state="enabled")
    assert "voice_enabled_has_consent_clips_price" in refused(of(voice), price_variant="")
    assert "voice_enabled_has_consent_clips_price" in refused(of(voice), stack_hash="")
    assert "voice_name_once_per_owner" in refused(of(other), name="ADA")
    assert "voice_consent_whole_or_none" in refused(of(other), consent_by="Somebody")
    assert "a consent that was recorded stays" in refused(of(voice), consent_statement="Anything goes.")
    assert "voice_purged_is_deleted" in refused(of(voice), purged_at=clock.now())
    of(voice).update(state="retired")
    assert "retired does not become draft" in refused(of(voice), state="draft")
    of(voice).update(state="deleted")
    for state in ("draft", "enabled", "retired"):
        assert "deleted does not become" in refused(of(voice), state=state)
    with pytest.raises(DatabaseError, match="voices are kept"), transaction.atomic():
        Voice.objects.filter(pk=other.pk).delete()


def test_clips(priced: None) -> None:
    voice = draft(clips=2)
    first, second = voice.clips.all()
    assert "reference_clip_once_per_voice" in refused(of(second), sha256=first.sha256)
    assert "reference_clip_one_per_position" in refused(of(second), position=1)
    assert "reference_clip_digest" in refused(of(first), sha256="x")
    assert "reference_clip_refused_says_why" in refused(of(first), state=ReferenceClip.State.REFUSED)
    assert "reference_clip_good_was_measured" in refused(of(first), quality={})


def test_a_version_that_is_ready_never_changes(active: EngineVersion) -> None:
    version = engine()
    for changes in ({"files": {}}, {"label": "x"}, {"params": {"a": 1}}, {"metrics": {"a": 1}}, {"family": "light"}):
        assert refused(of(version), **changes)
    assert "a test engine stays one" in refused(of(version), is_test=False)
    assert "who accepted a licence stays" in refused(of(version), licence_accepted_by="mallory")
    assert "ready does not become draft" in refused(of(version), state="draft")
    assert "the version serves" in refused(of(active), state="broken", reason="x")
    of(version).update(state="broken", reason="it hums")
    assert "does not become ready" in refused(of(version), state="ready", reason="")
    with pytest.raises(DatabaseError, match="is kept"), transaction.atomic():
        of(version).delete()


def test_the_channel(active: EngineVersion) -> None:
    version, channel = engine(), EngineChannel.objects.all()
    unlicensed = EngineVersion.objects.create(
        family="light", label="raw", licence="x", is_test=True, state="ready", created_by="x"
    )
    assert "only a version that is ready" in refused(channel, active=unlicensed, previous=active, revision=2)
    assert "moves by one" in refused(channel, active=version, previous=active, revision=7)
    assert "moves by one" in refused(channel, active=version, previous=None, revision=2)
    assert "one does" in refused(channel, active=None, revision=2)
    assert "counted when it moves" in refused(channel, revision=2)
    with pytest.raises(DatabaseError, match="the channel is kept"), transaction.atomic():
        channel._raw_delete(channel.db)
    with pytest.raises(IntegrityError, match="engine_channel_one_row"), transaction.atomic():
        EngineChannel.objects.create(pk=2)


def test_conditionings(active: EngineVersion) -> None:
    enabled()
    row = Conditioning.objects.get()
    assert "conditioning_state_says_all" in refused(of(row), rel_path="")
    assert "conditioning_state_says_all" in refused(of(row), state="failed")
    row.pk = None
    with pytest.raises(IntegrityError, match="conditioning_once"), transaction.atomic():
        row.save(force_insert=True)


def test_jobs(active: EngineVersion) -> None:
    voice = enabled()
    job = VoiceJob.objects.filter(kind="rebuild").get()
    assert "voice_job_state_says_when" in refused(of(job), finished_at=None)
    assert "voice_job_state_says_when" in refused(of(job), state="running")
    assert "voice_job_failed_says_why" in refused(of(job), state="failed")
    assert "voice_job_progress_within_total" in refused(of(job), progress_done=5, progress_total=4)
    assert "voice_job_cancelled_by_somebody" in refused(of(job), cancel_asked_by="eve")
    VoiceJob.objects.create(kind="inspect", voice=voice, requested_by="eve")
    with pytest.raises(IntegrityError, match="voice_job_one_open_per_voice"), transaction.atomic():
        VoiceJob.objects.create(kind="inspect", voice=voice, requested_by="eve")
    alive = {"state": "running", "attempt": 1, "heartbeat_at": clock.now(), "requested_by": "eve"}
    VoiceJob.objects.create(kind="train", **alive)
    with pytest.raises(IntegrityError, match="voice_job_one_training_at_a_time"), transaction.atomic():
        VoiceJob.objects.create(kind="train", **alive)


def test_rollouts(active: EngineVersion) -> None:
    enabled()
    first = Rollout.objects.get(version=promote(engine("one")))
    second = rollout_begin(engine("two").pk, by="eve")
    with pytest.raises(IntegrityError, match="rollout_one_open"), transaction.atomic():
        Rollout.objects.create(channel_id=1, version=active, started_by="eve")
    assert "switched does not become ready" in refused(of(first), state="ready", switched_at=None)
    now = clock.now()
    assert "building does not become switched" in refused(
        of(second), state="switched", switched_at=now, switched_by="eve"
    )
    assert "what a rollout is of stays" in refused(of(second), version=active)
    work_next()
    assert "rollout_state_says_who_and_when" in refused(of(second), state="switched", switched_at=now)


def test_nothing_is_emptied() -> None:
    for table in ("voices_voice", "voices_engineversion", "voices_enginechannel"):
        with pytest.raises(DatabaseError, match="kept"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {table} CASCADE")
