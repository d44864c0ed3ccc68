"""A voice from its clips to its end, each step refused until what it needs is there."""

import re
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from billing.credits import clock
from billing.foundation.audit.models import AuditEntry
from billing.voices import store
from billing.voices.building import voice_build, voice_tier, voices_build_missing
from billing.voices.duework import voice_files
from billing.voices.engines.services import light_register
from billing.voices.jobs.services import job_claim, job_resume
from billing.voices.models import Conditioning, EngineVersion, ReferenceClip, Voice
from billing.voices.prices import prices_of_tiers
from billing.voices.provisioning import Upload, clip_exclude, clips_add, clips_inspect, voice_consent, voice_make
from billing.voices.rollouts.steps import rollout_begin
from billing.voices.services import voice_delete, voice_enable, voice_retire
from billing.voices.serving import channel, serving
from billing.voices.tests.conftest import CONSENT, Plan, draft, enabled, engine, finished, price_tier, upload, work

pytestmark = pytest.mark.django_db


def problem(error: pytest.ExceptionInfo[ValidationError]) -> str:
    return " ".join(error.value.messages)


def test_a_tier_without_a_price_cannot_be_chosen(priced: None) -> None:
    assert {tier: point.price for tier, point in prices_of_tiers().items()} == {"standard": 2, "premium": 20}
    for tier, said in (("ultra", "has no price in force"), ("gold", "no such tier")):
        with pytest.raises(ValidationError) as error:
            voice_make(name="Ada", language="en", tier=tier, by="a test")
        assert said in problem(error)
    price_tier("ultra", 200)
    assert voice_make(name="Ada", language="en", tier="ultra", by="a test").price_variant == "ultra"


@pytest.mark.parametrize(("name", "language"), [("", "en"), ("x" * 81, "en"), ("Ada", "English"), ("Ada", "../en")])
def test_what_a_voice_is_called(priced: None, name: str, language: str) -> None:
    with pytest.raises(ValidationError):
        voice_make(name=name, language=language, tier="standard", by="a test")
    assert not Voice.objects.exists()


def test_a_name_is_taken_until_its_voice_is_deleted(priced: None) -> None:
    voice = voice_make(name="Ada", language="en", tier="standard", by="a test")
    with pytest.raises(ValidationError, match="of this name already"):
        voice_make(name=" ADA ", language="en", tier="standard", by="a test")
    voice_delete(voice.pk, reason="again", by="a test")
    assert voice_make(name="ada", language="en", tier="standard", by="a test").pk != voice.pk


def test_clips_are_kept_under_names_of_ours(priced: None, store_root: Path) -> None:
    voice = draft(clips=0)
    job, problems = clips_add(voice.pk, [upload("one"), upload("two", "..\\evil\x00.wav")], by="a test")
    assert job is not None
    assert (job.kind, job.state, problems) == ("inspect", "queued", [])
    clips = list(voice.clips.all())
    for clip in clips:
        assert clip.rel_path == f"voices/{voice.public_id}/clips/{clip.sha256}"
        assert re.fullmatch(r"[0-9a-f]{64}", clip.sha256)
        assert store.absolute(clip.rel_path).stat().st_size == clip.size
    assert [path.name for path in sorted((store_root / "voices" / voice.public_id / "clips").iterdir())] == sorted(
        clip.sha256 for clip in clips
    )
    assert [clip.original_name for clip in clips] == ["../../etc/clip.wav", "..\\evil.wav"]


def test_what_is_too_large_or_empty_is_not_kept(
    priced: None, store_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_BYTES", 1_000_000)
    read = []

    def endless() -> object:
        while True:
            read.append(1)
            yield b"x" * 100_000

    voice = draft(clips=0)
    uploads = [Upload("long.wav", endless()), Upload("empty.wav", iter([])), upload("fine", "a.wav")]  # type: ignore[arg-type]
    job, problems = clips_add(voice.pk, [*uploads, upload("fine", "again.wav")], by="a test")
    assert job is not None
    assert len(read) == 11  # no further
    assert len(problems) == 3
    assert "larger than" in problems[0]
    assert "empty" in problems[1]
    assert "clip 1 of this voice already" in problems[2]
    assert len(list((store_root / "voices" / voice.public_id / "clips").iterdir())) == 1


def test_an_inspection_says_what_each_clip_and_tier_lacks(priced: None, plan: Plan) -> None:
    voice = draft(clips=0)
    clips_add(voice.pk, [upload("good"), upload("bad")], by="a test")
    good, bad = voice.clips.all()
    plan(refuse={bad.sha256: "It is longer than 300 seconds."}, lacks={"premium": ["8.0 s of speech; 10 s are needed"]})
    finished(work())
    voice.refresh_from_db()
    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.state, good.quality["snr_db"], good.facts["rate"]) == ("ok", 41.5, 22050)
    assert (bad.state, bad.reason) == ("refused", "It is longer than 300 seconds.")
    assert voice.assessment["tiers"] == {
        "standard": [],
        "premium": ["8.0 s of speech; 10 s are needed"],
        "ultra": [],
    }
    assert len(voice.stack_hash) == 64


def test_the_order_and_the_content_of_clips_make_the_stack(priced: None) -> None:
    voice = draft(clips=2)
    before = voice.stack_hash
    clip_exclude(voice.clips.get(position=1).pk, reason="a cough", by="a test")
    voice.refresh_from_db()
    assert voice.stack_hash not in ("", before)
    assert "not been inspected as they are now" in str(ready_problems(voice))
    work()
    voice.refresh_from_db()
    assert "inspected" not in str(ready_problems(voice))
    job = clip_exclude(voice.clips.get(position=2).pk, reason="", by="a test")
    assert job is None
    voice.refresh_from_db()
    assert voice.stack_hash == ""


def ready_problems(voice: Voice) -> list[str]:
    with pytest.raises(ValidationError) as error:
        voice_enable(voice.pk, by="a test")
    return list(error.value.messages)


def test_enabling_says_all_that_is_missing(priced: None) -> None:
    voice = draft(clips=0, consent=None)
    assert len(ready_problems(voice)) == 3  # consent, clips, an engine
    voice_consent(voice.pk, consent=CONSENT, by="a test")
    with pytest.raises(ValidationError, match="never replaced"):
        voice_consent(voice.pk, consent=CONSENT, by="a test")
    assert len(ready_problems(voice)) == 2


def test_a_voice_is_enabled_once_it_can_be_served(active: EngineVersion) -> None:
    voice = draft()
    assert "not built and verified" in str(ready_problems(voice))
    voice_build(voice.pk, by="a test")
    finished(work())
    voice_enable(voice.pk, by="a test")
    row = Conditioning.objects.get()
    assert serving(active, [voice]) == {voice.pk: row}
    assert store.absolute(row.rel_path).read_text()
    assert store.absolute(row.sample_path).read_text() == f"RIFF{voice.public_id}"
    entry = AuditEntry.objects.get(action="voice.enabled")
    assert (entry.before, entry.after) == ({"state": "draft"}, {"state": "enabled"})


def test_building_again_keeps_what_serves_when_it_fails(active: EngineVersion, plan: Plan) -> None:
    voice = enabled()
    row = Conditioning.objects.get()
    plan(fail={voice.public_id: "out of memory"})
    voice_build(voice.pk, by="a test")
    job = work()
    assert (job.state, job.items.get().state, job.items.get().message) == ("done", "failed", "out of memory")
    assert serving(active, [voice])[voice.pk].rel_path == row.rel_path


def test_new_clips_do_not_interrupt_what_is_served(active: EngineVersion) -> None:
    voice = enabled()
    clips_add(voice.pk, [upload("new")], by="a test")
    work()
    voice.refresh_from_db()
    row = Conditioning.objects.get()
    assert row.stack_hash != voice.stack_hash
    assert serving(active, [voice]) == {voice.pk: row}
    voices_build_missing(by="a test")
    work()
    assert serving(active, [voice])[voice.pk].stack_hash == voice.stack_hash
    with pytest.raises(ValidationError, match="No voice lacks anything"):
        voices_build_missing(by="a test")


def test_the_last_good_clip_of_an_enabled_voice_stays(active: EngineVersion) -> None:
    voice = enabled()
    with pytest.raises(ValidationError, match="last good clip"):
        clip_exclude(voice.clips.get().pk, reason="x", by="a test")


def test_an_enabled_voice_moves_to_a_tier_once_it_is_built_there(active: EngineVersion) -> None:
    voice = enabled()
    job = voice_tier(voice.pk, tier="premium", by="a test")
    assert job is not None
    voice.refresh_from_db()
    assert voice.tier == "standard"
    finished(work())
    voice.refresh_from_db()
    assert (voice.tier, voice.price_variant) == ("premium", "premium")
    assert serving(active, [voice])[voice.pk].tier == "premium"
    assert voice_tier(voice.pk, tier="standard", by="a test") is None  # built already
    voice.refresh_from_db()
    assert voice.tier == "standard"
    assert AuditEntry.objects.filter(action="voice.tier").count() == 2


def test_a_move_that_cannot_be_built_changes_nothing(active: EngineVersion, plan: Plan) -> None:
    voice = enabled()
    plan(fail={voice.public_id: "no"})
    voice_tier(voice.pk, tier="premium", by="a test")
    work()
    voice.refresh_from_db()
    assert voice.tier == "standard"
    with pytest.raises(ValidationError, match="of this tier already"):
        voice_tier(voice.pk, tier="standard", by="a test")
    with pytest.raises(ValidationError, match="no price"):
        voice_tier(voice.pk, tier="ultra", by="a test")


def test_a_tier_needs_what_its_rules_say(active: EngineVersion, plan: Plan) -> None:
    plan(lacks={"premium": ["20 dB are needed"]})
    voice = enabled()
    with pytest.raises(ValidationError, match="20 dB are needed"):
        voice_tier(voice.pk, tier="premium", by="a test")


def test_a_voice_that_was_retired_meanwhile_does_not_move(active: EngineVersion) -> None:
    voice = enabled()
    voice_tier(voice.pk, tier="premium", by="a test")
    voice_retire(voice.pk, reason="old", by="a test")
    work()
    voice.refresh_from_db()
    assert (voice.state, voice.tier) == ("retired", "standard")
    voice_enable(voice.pk, by="a test")


def test_one_job_at_a_time_works_on_a_voice(active: EngineVersion) -> None:
    voice = enabled()
    voice_build(voice.pk, by="a test")
    for act in (voice_build, clips_inspect):
        with pytest.raises(ValidationError, match="Another job works on this voice"):
            act(voice.pk, by="a test")
    with pytest.raises(ValidationError, match="A job works on this voice"):
        voice_delete(voice.pk, reason="x", by="a test")


def test_deleting_is_final_and_takes_the_files_along(active: EngineVersion, store_root: Path) -> None:
    voice, other = enabled(), enabled("Bob")
    voice_delete(voice.pk, reason="asked to", by="a test")
    assert (store_root / "voices" / voice.public_id).exists()
    assert voice_files(now=clock.now(), limit=200) == 1
    assert voice_files(now=clock.now(), limit=200) == 0
    assert not (store_root / "voices" / voice.public_id).exists()
    assert (store_root / "voices" / other.public_id).exists()
    left = [path for path in (store_root / "jobs").rglob("*") if voice.public_id in path.name]
    assert left == []
    voice.refresh_from_db()
    assert (voice.state, voice.consent_by, voice.purged_at is not None) == ("deleted", "Ada Lovelace", True)
    with pytest.raises(ValidationError, match="cannot go on"):
        job_resume(voice.jobs.latest("pk").pk, by="x")
    for act in (lambda: voice_enable(voice.pk, by="x"), lambda: voice_retire(voice.pk, reason="", by="x")):
        with pytest.raises(ValidationError, match="The voice is deleted"):
            act()
    assert AuditEntry.objects.filter(action__in=("voice.deleted", "voice.purged")).count() == 2


def test_nothing_is_deleted_while_a_rollout_runs(active: EngineVersion) -> None:
    voice = enabled()
    rollout_begin(engine().pk, by="a test")
    with pytest.raises(ValidationError, match="A rollout is going on"):
        voice_delete(voice.pk, reason="x", by="a test")
    voice_retire(voice.pk, reason="x", by="a test")


def test_without_an_engine_nothing_is_built(priced: None) -> None:
    voice = draft()
    light_register(by="a test")
    assert channel().active is None
    with pytest.raises(ValidationError, match="No engine version serves yet"):
        voice_build(voice.pk, by="a test")
    assert job_claim() is None
    assert ReferenceClip.objects.get().state == "ok"
