"""Promotion: every voice or none, by one row, and back again."""

from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from billing.foundation.audit.models import AuditEntry
from billing.voices.building import voice_build, voice_tier
from billing.voices.engines.services import version_register
from billing.voices.jobs.services import job_cancel, job_resume
from billing.voices.jobs.work import work_next
from billing.voices.models import EngineVersion, Rollout, Voice, VoiceJob
from billing.voices.provisioning import clips_add
from billing.voices.rollouts.steps import (
    rollout_abort,
    rollout_back,
    rollout_begin,
    rollout_build,
    rollout_build_previous,
    rollout_switch,
)
from billing.voices.services import voice_delete, voice_enable, voice_retire
from billing.voices.serving import channel, serving
from billing.voices.tests.conftest import Plan, draft, enabled, engine, finished, promote, upload, work

pytestmark = pytest.mark.django_db


def served() -> dict[str, tuple[str, str]]:
    """By voice, which file of which version serves it."""
    version = channel().active
    voices = list(Voice.objects.filter(state="enabled"))
    rows = serving(version, voices)
    return {voice.name: (rows[voice.pk].engine_version.label, rows[voice.pk].sha256) for voice in voices}


def state(rollout: Rollout) -> str:
    return Rollout.objects.get(pk=rollout.pk).state


def test_the_whole_way_there_and_back(active: EngineVersion) -> None:
    for name in ("Ada", "Bob", "Cora"):
        enabled(name)
    before = served()
    rollout = rollout_begin(engine().pk, by="eve")
    assert state(rollout) == "building"
    assert served() == before
    finished(work())
    assert state(rollout) == "ready"
    assert served() == before
    assert {item.serving.engine_version_id for item in rollout.items.all() if item.serving} == {active.pk}
    rollout_switch(rollout.pk, by="eve")
    after = served()
    assert {label for label, _ in after.values()} == {"one"}
    assert set(after.values()).isdisjoint(before.values())
    assert channel().revision == 2
    rollout_back(rollout.pk, reason="it hums", by="eve")
    assert served() == before
    assert channel().revision == 3
    assert state(rollout) == "rolled_back"
    actions = AuditEntry.objects.filter(action__startswith="voice.rollout.", actor_label="eve").order_by("pk")
    assert [entry.action.rpartition(".")[2] for entry in actions] == ["begun", "switched", "rolled_back"]
    assert actions[1].after == {"active": "xtts one (TEST ENGINE)", "revision": 2, "test engine": True}


@pytest.mark.parametrize("how", ["fail", "unverified", "crash"])
def test_one_voice_that_fails_changes_nothing(active: EngineVersion, plan: Plan, how: str) -> None:
    for name in ("Ada", "Bob", "Cora"):
        enabled(name)
    before, bob = served(), Voice.objects.get(name="Bob")
    plan(**{"fail": {bob.public_id: "too noisy"}} if how == "fail" else {how: [bob.public_id]})
    rollout = rollout_begin(engine().pk, by="eve")
    work()
    assert state(rollout) == "verifying"
    states = {item.voice.name: item.state for item in rollout.items.all()}
    assert states["Bob"] == "failed"
    assert how == "crash" or [states["Ada"], states["Cora"]] == ["verified", "verified"]
    with pytest.raises(ValidationError, match="Not every voice is verified"):
        rollout_switch(rollout.pk, by="eve")
    assert (served(), channel().revision) == (before, 1)
    plan()
    rollout_build(rollout.pk, by="eve")
    job = finished(work())
    assert job.items.count() == (3 if how == "crash" else 1)  # what is verified is not built again
    rollout_switch(rollout.pk, by="eve")
    assert {label for label, _ in served().values()} == {"one"}


def test_a_failed_voice_can_be_retired_instead(active: EngineVersion, plan: Plan) -> None:
    enabled("Ada")
    bob = enabled("Bob")
    plan(fail={bob.public_id: "too noisy"})
    rollout = rollout_begin(engine().pk, by="eve")
    work()
    voice_retire(bob.pk, reason="too noisy", by="eve")
    rollout_build(rollout.pk, by="eve")
    assert state(rollout) == "ready"
    rollout_switch(rollout.pk, by="eve")
    with pytest.raises(ValidationError, match="not built and verified"):
        voice_enable(bob.pk, by="eve")


@pytest.mark.parametrize("change", ["clips", "tier", "new voice"])
def test_what_changed_since_it_was_built_is_found_at_the_switch(active: EngineVersion, change: str) -> None:
    ada = enabled("Ada")
    rollout = rollout_begin(engine().pk, by="eve")
    finished(work())
    if change == "clips":
        clips_add(ada.pk, [upload("more")], by="eve")
    elif change == "tier":
        voice_tier(ada.pk, tier="premium", by="eve")
    else:
        enabled("Bob")
    while work_next():
        pass
    before = served()
    with pytest.raises(ValidationError, match=r"cannot serve (Ada|Bob) as they are now"):
        rollout_switch(rollout.pk, by="eve")
    assert (served(), channel().revision) == (before, 1)
    rollout_build(rollout.pk, by="eve")
    finished(work())
    rollout_switch(rollout.pk, by="eve")
    assert {label for label, _ in served().values()} == {"one"}


def test_back_lists_and_builds_what_the_version_before_lacks(active: EngineVersion) -> None:
    enabled("Ada")
    rollout = Rollout.objects.get(version=promote(engine()))
    enabled("Bob")
    with pytest.raises(ValidationError, match="cannot serve Bob as they are now"):
        rollout_back(rollout.pk, reason="x", by="eve")
    rollout_build_previous(rollout.pk, by="eve")
    finished(work())
    rollout_back(rollout.pk, reason="x", by="eve")
    assert {label for label, _ in served().values()} == {"built-in"}


def test_only_the_last_switch_is_taken_back(active: EngineVersion) -> None:
    first = Rollout.objects.get(version=promote(engine("one")))
    second = Rollout.objects.get(version=promote(engine("two")))
    with pytest.raises(ValidationError, match="does not serve because of this rollout"):
        rollout_back(first.pk, reason="x", by="eve")
    rollout_back(second.pk, reason="x", by="eve")
    rollout_back(first.pk, reason="x", by="eve")
    assert channel().active == active
    with pytest.raises(ValidationError, match="nothing to go back to"):
        rollout_back(Rollout.objects.get(version=active).pk, reason="x", by="eve")


def test_a_version_needs_its_licence_accepted(active: EngineVersion, store_root: Any) -> None:
    (store_root / "engines" / "raw").mkdir(parents=True)
    (store_root / "engines" / "raw" / "model.pth").write_text("x")
    raw = version_register(family="xtts", label="raw", folder="raw", licence="CPML", is_test=True, by="eve")
    with pytest.raises(ValidationError, match="Nobody has accepted the licence"):
        rollout_begin(raw.pk, by="eve")
    with pytest.raises(ValidationError, match="serves already"):
        rollout_begin(active.pk, by="eve")


def test_one_rollout_at_a_time(active: EngineVersion) -> None:
    enabled()
    rollout = rollout_begin(engine("one").pk, by="eve")
    with pytest.raises(ValidationError, match="Another rollout is going on"):
        rollout_begin(engine("two").pk, by="eve")
    with pytest.raises(ValidationError, match="are being built"):
        rollout_build(rollout.pk, by="eve")
    rollout_abort(rollout.pk, reason="not now", by="eve")
    job = VoiceJob.objects.get(rollout=rollout)
    assert (job.state, state(rollout), channel().revision) == ("cancelled", "aborted", 1)
    for act in (rollout_switch, rollout_build):
        with pytest.raises(ValidationError, match="has ended: aborted"):
            act(rollout.pk, by="eve")
    with pytest.raises(ValidationError, match="Its rollout has ended"):
        job_resume(job.pk, by="eve")
    rollout_begin(EngineVersion.objects.get(label="two").pk, by="eve")


def test_a_cancelled_build_goes_on(active: EngineVersion) -> None:
    enabled()
    rollout = rollout_begin(engine().pk, by="eve")
    job = VoiceJob.objects.get(rollout=rollout)
    job_cancel(job.pk, by="eve")
    assert state(rollout) == "verifying"
    job_resume(job.pk, by="eve")
    assert state(rollout) == "building"
    finished(work())
    assert state(rollout) == "ready"


def test_drafts_and_retired_voices_do_not_count(active: EngineVersion) -> None:
    enabled("Ada")
    voice_retire(enabled("Bob").pk, reason="x", by="eve")
    voice_delete(enabled("Dan").pk, reason="x", by="eve")
    draft("Cora")
    rollout = rollout_begin(engine().pk, by="eve")
    assert [item.voice.name for item in rollout.items.all()] == ["Ada"]


@pytest.mark.django_db(transaction=True)
def test_enabling_and_switching_at_once_leave_nobody_unserved(active: EngineVersion) -> None:
    enabled("Ada")
    rollout = rollout_begin(engine().pk, by="eve")
    finished(work())
    for number in range(4):
        voice = draft(f"Voice {number}")
        voice_build(voice.pk, by="eve")
        finished(work())
    start, outcomes = Barrier(5), []

    def do(act: Any, *args: int) -> None:
        start.wait()
        try:
            act(*args, by="eve")
            outcomes.append(act.__name__)
        except ValidationError:
            outcomes.append("refused")
        finally:
            connection.close()

    ids = list(Voice.objects.filter(state="draft").values_list("pk", flat=True))
    threads = [Thread(target=do, args=(voice_enable, pk)) for pk in ids]
    threads.append(Thread(target=do, args=(rollout_switch, rollout.pk)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 5
    voices = list(Voice.objects.filter(state="enabled"))
    assert len(serving(channel().active, voices)) == len(voices)
    assert outcomes.count("rollout_switch") == (channel().active_id == rollout.version_id)
