"""The real pipeline with the engine that comes with it, from recordings to a promotion of what was trained."""

import json
import sys
import wave
from pathlib import Path

import pytest
from django.conf import LazySettings

from billing.voices import store
from billing.voices.building import voice_build, voice_tier
from billing.voices.engines.datasets import Training
from billing.voices.engines.services import export, licence_accept, train
from billing.voices.jobs.work import work_next
from billing.voices.models import EngineVersion, Voice
from billing.voices.provisioning import Upload, clips_add
from billing.voices.rollouts.steps import rollout_back, rollout_begin, rollout_switch
from billing.voices.services import missing_to_enable, voice_enable
from billing.voices.serving import channel, serving
from billing.voices.tests.conftest import draft, finished, work
from billing.voices.tests.recordings import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return recorded(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(autouse=True)
def real(settings: LazySettings) -> None:
    settings.VOICE_PIPELINE_CMD = [sys.executable, "-m", "voice_pipeline"]


def provisioned(name: str, clips: list[bytes]) -> Voice:
    voice = draft(name, clips=0)
    clips_add(voice.pk, [Upload(f"{number}.wav", [clip]) for number, clip in enumerate(clips)], by="eve")
    finished(work())
    voice.refresh_from_db()
    return voice


def test_bad_recordings_are_refused_with_the_reason(priced: None, recordings: dict[str, bytes]) -> None:
    header = recordings["ada0"][:44]
    clips = {
        "good": recordings["ada0"],
        "noisy": recordings["noisy"],
        "long": recordings["silence"],
        "other": b"\x1aE\xdf\xa3 not a sound at all",
        "lying": header[:4] + b"\xff\xff\xff\x7f" + header[8:],
    }
    voice = provisioned("Ada", list(clips.values()))
    found = dict(zip(clips, voice.clips.all(), strict=True))
    assert {name: clip.state for name, clip in found.items()} == {
        "good": "ok",
        "noisy": "ok",
        "long": "refused",
        "other": "refused",
        "lying": "refused",
    }
    assert "300" in found["long"].reason
    assert found["noisy"].quality["snr_db"] < 20 < found["good"].quality["snr_db"]
    assert any("signal to noise" in lack for lack in missing_to_enable(voice, "premium"))


def test_what_is_short_says_what_its_tier_needs(active: EngineVersion, recordings: dict[str, bytes]) -> None:
    voice = provisioned("Ada", [recordings["short"]])
    assert any("s of speech; 3 s are needed" in lack for lack in missing_to_enable(voice))


def test_from_recordings_to_a_promotion_and_back(
    active: EngineVersion, recordings: dict[str, bytes], store_root: Path
) -> None:
    voices = [provisioned(name, [recordings[f"{name}0"], recordings[f"{name}1"]]) for name in ("ada", "bob")]
    for voice in voices:
        voice_build(voice.pk, by="eve")
        finished(work())
        voice_enable(voice.pk, by="eve")
    with wave.open(str(store.absolute(serving(active, voices)[voices[0].pk].sample_path))) as sample:
        assert sample.getnframes() / sample.getframerate() > 1
    voice_tier(voices[0].pk, tier="premium", by="eve")
    finished(work())
    voices[0].refresh_from_db()
    assert voices[0].tier == "premium"
    before = {pk: row.sha256 for pk, row in serving(active, voices).items()}

    folder = store.own_folder("datasets/talk")
    lines = []
    for name in ("ada0", "ada1", "bob0", "bob1"):
        (folder / f"{name}.wav").write_bytes(recordings[name])
        lines.append(json.dumps({"audio_file": f"{name}.wav", "text": "the quick brown fox", "speaker_name": name}))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    training = train(active.pk, dataset="talk", options=Training(epochs=2, batch_size=4), by="eve")
    trained = finished(work())
    assert trained.progress_done == trained.progress_total > 0
    assert len(trained.result["epochs"]) == 2
    version, _ = export(training.pk, label="talk 1", by="eve")
    finished(work())
    version.refresh_from_db()
    assert (version.state, version.is_test, version.params["kind"]) == ("ready", True, "light")

    licence_accept(version.pk, statement="Ours.", by="eve")
    rollout = rollout_begin(version.pk, by="eve")
    finished(work())
    rollout_switch(rollout.pk, by="eve")
    after = {pk: row.sha256 for pk, row in serving(channel().active, voices).items()}
    assert after.keys() == before.keys()
    assert set(after.values()).isdisjoint(before.values())
    rollout_back(rollout.pk, reason="only trying", by="eve")
    assert {pk: row.sha256 for pk, row in serving(channel().active, voices).items()} == before
    assert work_next() is None
