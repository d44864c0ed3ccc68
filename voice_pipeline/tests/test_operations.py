"""What the operations give, with the light engine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from voice_pipeline.contract import Cancelled, EngineUnavailable, Refused
from voice_pipeline.files import sha256
from voice_pipeline.tests.clips import OTHER_TEXT, SOURCES, recording, spoken, with_noise, write
from voice_pipeline.tests.conftest import Recorder

LIGHT = {"kind": "light"}
Do = Callable[..., tuple[dict[str, Any], Recorder]]
Clips = dict[str, dict[str, str]]


def codes(result: dict[str, Any], tier: str) -> set[str]:
    return {lack["code"] for lack in result["tiers"][tier]["lacks"]}


@pytest.mark.parametrize("source", SOURCES)
def test_inspect_says_what_each_tier_lacks(do: Do, store: Path, source: str) -> None:
    sound, rate = recording(source, store)
    good = write(store / "good.wav", sound, rate)
    result, _ = do(operation="inspect", clips=[{"path": str(good), "sha256": sha256(good)}])
    assert result["tiers"]["standard"] == {"reached": True, "lacks": []}
    assert (result["best_tier"], result["tier"], result["problems"]) == ("standard", "standard", [])
    assert {"speech_seconds", "rate"} == codes(result, "ultra")
    kinds = {
        "short": sound[: int(rate * 0.8)],
        "noisy": with_noise(sound * 0.5, rate, 8),
        "clipped": np.clip(sound * 6, -1, 1),
    }
    expected = {"short": "speech_seconds", "noisy": "snr_db", "clipped": "clipped_ratio"}
    for name, bad in kinds.items():
        result, _ = do(operation="inspect", clips=[{"path": str(write(store / f"{name}.wav", bad, rate))}])
        # Loud noise hides the highest frequencies of speech, too.
        assert codes(result, "standard") - {"bandwidth_hz"} == {expected[name]}, name
        assert result["problems"] == [lack["message"] for lack in result["tiers"]["standard"]["lacks"]]
    telephone = soxr.resample(soxr.resample(sound, rate, 8_000), 8_000, 44_100)
    path = write(store / "telephone.wav", telephone, 44_100)
    result, _ = do(operation="inspect", clips=[{"path": str(path)}], tier="premium")
    assert "bandwidth_hz" in codes(result, "standard")
    assert any("it comes from a telephone or was upsampled" in problem for problem in result["problems"])


def test_inspect_names_refused_clips_by_their_number(do: Do, store: Path, clips: Clips) -> None:
    (store / "bad.wav").write_bytes(b"no audio")
    given = [{"path": str(store / "bad.wav")}, clips["ada1"], clips["ada2"]]
    result, report = do(operation="inspect", clips=given)
    assert [entry["clip"] for entry in result["clips"]] == [1, 2, 3]
    assert result["clips"][0]["refused"] == "undecodable"
    assert result["clips"][1]["quality"]["snr_db"] == 90.0
    assert result["tiers"]["standard"]["lacks"][0]["clip"] == 1
    assert len(result["likeness"]) == 2
    assert [line["done"] for line in report.of("progress")] == [1, 2, 3]


def test_inspect_of_nothing_usable(do: Do, store: Path) -> None:
    result, _ = do(operation="inspect", clips=[{"path": str(store / "none.wav")}])
    assert result["best_tier"] is None
    assert codes(result, "standard") == {"refused", "no_clips"}


def test_inspect_by_other_rules(do: Do, clips: Clips) -> None:
    strict = {"speech_seconds": 60, "snr_db": 95, "rate": 96_000, "clipped_ratio": 0, "bandwidth_hz": 20_000}
    easy = {"speech_seconds": 1, "snr_db": 0, "rate": 8_000, "clipped_ratio": 1, "bandwidth_hz": 0.5}
    rules = {"draft": easy, "perfect": strict}
    result, _ = do(operation="inspect", clips=[clips["ada1"]], tier="perfect", options={"tier_rules": rules})
    assert list(result["tiers"]) == ["draft", "perfect"]
    assert result["best_tier"] == "draft"
    assert codes(result, "perfect") == {"speech_seconds", "snr_db", "rate", "bandwidth_hz"}
    assert len(result["problems"]) == 4


def test_inspect_finds_the_same_recording_and_the_odd_one(do: Do, store: Path, clips: Clips) -> None:
    sound, _ = soundfile.read(clips["ada1"]["path"])
    copy = write(store / "copy.mp3", sound * 0.6)
    longer = spoken("we should have asked for the way before it became dark in the hills", seed=9)
    given = [clips["ada1"], clips["ada2"], clips["bob1"], {"path": str(copy)}]
    given.append({"path": str(write(store / "ada3.wav", longer))})
    result, _ = do(operation="inspect", clips=given)
    assert result["duplicates"] == [[1, 4]]
    assert result["odd_one_out"] == 3
    result, _ = do(operation="inspect", clips=[clips["ada1"], clips["ada2"], given[4]])
    assert (result["duplicates"], result["odd_one_out"]) == ([], None)


def test_condition_verify_sample(do: Do, store: Path, clips: Clips) -> None:
    result, report = do(operation="condition", engine=LIGHT, clips=[clips["ada1"], clips["ada2"]], tier="premium")
    path = Path(result["path"])
    assert path == store / "work" / "conditioning.safetensors"
    assert result["sha256"] == sha256(path)
    assert result["shapes"] == {"stack": [2, 60], "mean": [60]}
    engine = report.of("engine")[0]
    assert (engine["kind"], engine["is_test"], engine["version"]) == ("light", True, "built-in")
    assert [line["name"] for line in report.of("artifact")] == ["conditioning"]
    assert not (store / "work" / ".prepared").exists()
    assert not list((store / "work").glob("*.part"))

    verdict, report = do(
        operation="verify",
        engine=LIGHT,
        conditioning_path=path,
        clips=[clips["ada1"], clips["bob1"]],
        text="Good morning, everybody.",
    )
    assert verdict["passed"]
    assert [check["code"] for check in verdict["checks"]][:3] == ["finite", "shape", "spoken"]
    assert verdict["scores"][0] > verdict["scores"][1]
    assert Path(verdict["sample"]).is_file()

    spoken_, _ = do(operation="sample", engine=LIGHT, conditioning_path=path, text="Good morning, everybody.")
    samples, rate = soundfile.read(spoken_["path"])
    assert rate == spoken_["rate"] == 22_050
    assert len(samples) / rate == pytest.approx(spoken_["seconds"], abs=0.01)
    assert 0.5 < np.abs(samples).max() < 0.9
    again, _ = do(operation="sample", engine=LIGHT, conditioning_path=path, text="Good morning, everybody.")
    assert again["sha256"] == spoken_["sha256"]
    faster, _ = do(
        operation="sample", engine=LIGHT, conditioning_path=path, text="Good morning, everybody.", options={"speed": 2}
    )
    assert faster["seconds"] < spoken_["seconds"] * 0.7


def test_two_voices_sound_different(do: Do, clips: Clips) -> None:
    digests = set()
    for name in ("ada1", "bob1"):
        made, _ = do(operation="condition", engine=LIGHT, clips=[clips[name]])
        heard, _ = do(operation="sample", engine=LIGHT, conditioning_path=made["path"], text="hello")
        digests.add(heard["sha256"])
    assert len(digests) == 2


def test_what_is_no_conditioning_is_refused(do: Do, store: Path, clips: Clips) -> None:
    path = store / "conditioning.safetensors"
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(Refused, match="is no conditioning"):
        do(operation="sample", engine=LIGHT, conditioning_path=path, text="hello")
    with pytest.raises(Refused, match="is no conditioning"):
        do(operation="verify", engine=LIGHT, conditioning_path=store / "none", clips=[clips["ada1"]])


def test_a_clip_that_was_changed_is_refused_by_number(do: Do, clips: Clips) -> None:
    given = [clips["ada1"], clips["ada2"] | {"sha256": "0" * 64}]
    with pytest.raises(Refused, match=r"clip 2 \(ada2.wav\): .*not the clip that was approved") as refused:
        do(operation="condition", engine=LIGHT, clips=given)
    assert refused.value.code == "changed"


def test_engines_that_are_not_there(do: Do, store: Path, clips: Clips) -> None:
    (store / "empty").mkdir()
    (store / "broken").mkdir()
    (store / "broken" / "weights.safetensors").write_bytes(b"half a file")
    for name, told in (("none", "lacks"), ("empty", "lacks"), ("broken", "cannot be used")):
        engine = {"kind": "light", "engine_dir": str(store / name)}
        with pytest.raises(EngineUnavailable, match=told):
            do(operation="condition", engine=engine, clips=[clips["ada1"]])


def test_a_trained_version_needs_its_own_conditionings(do: Do, store: Path, clips: Clips, manifest: Path) -> None:
    old, _ = do(operation="condition", engine=LIGHT, clips=[clips["ada1"]])
    kept = Path(old["path"]).rename(store / "old.safetensors")
    trained, report = do(operation="train", engine=LIGHT, manifest_path=manifest)
    epochs = report.of("epoch")
    assert epochs[-1]["eval_loss"] < epochs[0]["eval_loss"] * 0.6
    assert trained["eval_loss"] == epochs[-1]["eval_loss"]
    assert len(epochs) == trained["epochs"] == 20

    new = store / "versions" / "2"
    made, report = do(operation="export", engine=LIGHT, run_dir=trained["resume_dir"], out_dir=new)
    assert made["files"] == {"weights.safetensors": sha256(new / "weights.safetensors")}
    assert made["describe"]["version"] == made["files"]["weights.safetensors"]
    assert [line["name"] for line in report.of("artifact")] == ["engine"]
    with pytest.raises(Refused, match="exists and is not empty"):
        do(operation="export", engine=LIGHT, run_dir=trained["resume_dir"], out_dir=new)

    engine = {"kind": "light", "engine_dir": str(new)}
    with pytest.raises(Refused, match="was made by another engine version"):
        do(operation="verify", engine=engine, conditioning_path=kept, clips=[clips["ada1"]])
    rebuilt, _ = do(operation="condition", engine=engine, clips=[clips["ada1"]])
    assert rebuilt["shapes"] == {"stack": [1, 24], "mean": [24]}
    verdict, _ = do(operation="verify", engine=engine, conditioning_path=rebuilt["path"], clips=[clips["ada1"]])
    assert verdict["passed"]


def test_rebuild_fails_alone_and_keeps_what_is_done(do: Do, store: Path, clips: Clips) -> None:
    late = store / "late.wav"
    items = [
        {"voice": "ada", "clips": [clips["ada1"], clips["ada2"]], "tier": "ultra"},
        {"voice": "late", "clips": [{"path": str(late)}]},
        {"voice": "bob", "clips": [clips["bob1"]], "text": "My own words."},
    ]
    fields = {"operation": "rebuild", "engine": LIGHT, "items": items, "text": "Hello to all of you."}
    result, report = do(**fields)
    assert (result["done"], result["kept"]) == (["ada", "bob"], [])
    assert [failure["voice"] for failure in result["failed"]] == ["late"]
    told = {line["voice"]: line for line in report.of("item")}
    assert told["late"]["status"] == "failed"
    assert "late.wav cannot be read" in told["late"]["message"]
    assert told["ada"]["verify"]["passed"]
    assert [line["name"] for line in report.of("artifact") if line["voice"] == "ada"] == ["conditioning", "sample"]
    assert report.of("progress")[-1]["done"] == 3

    write(late, spoken(OTHER_TEXT))
    first = {line["voice"]: line["path"] for line in report.of("artifact") if line["name"] == "conditioning"}
    written = Path(first["ada"]).stat().st_mtime_ns
    result, report = do(**fields)
    assert (result["done"], result["kept"], result["failed"]) == (["ada", "late", "bob"], ["ada", "bob"], [])
    assert Path(first["ada"]).stat().st_mtime_ns == written
    assert {line["voice"]: line["kept"] for line in report.of("item")} == {"ada": True, "late": False, "bob": True}

    Path(first["bob"]).write_bytes(b"damaged")
    result, _ = do(**fields)
    assert result["kept"] == ["ada", "late"]
    Path(clips["ada1"]["path"]).write_bytes(Path(clips["bob2"]["path"]).read_bytes())
    result, _ = do(**fields)
    assert result["kept"] == ["late", "bob"]


def test_a_rebuild_stops_between_voices(do: Do, clips: Clips, stop: Callable[[], None]) -> None:
    stop()
    with pytest.raises(Cancelled):
        do(operation="rebuild", engine=LIGHT, items=[{"voice": "ada", "clips": [clips["ada1"]]}])


def test_a_run_goes_on_only_with_its_own_clips_and_options(do: Do, store: Path, clips: Clips, manifest: Path) -> None:
    trained, _ = do(operation="train", engine=LIGHT, manifest_path=manifest, options={"epochs": 2})
    run = trained["resume_dir"]
    with pytest.raises(Refused, match="go on with it, or take another workdir"):
        do(operation="train", engine=LIGHT, manifest_path=manifest, options={"epochs": 2})
    with pytest.raises(Refused, match="begun with other clips or options"):
        do(operation="train", engine=LIGHT, manifest_path=manifest, options={"epochs": 3}, resume_dir=run)
    with pytest.raises(Refused, match="is no run of this engine"):
        do(operation="train", engine=LIGHT, manifest_path=manifest, options={"epochs": 2}, resume_dir=store)
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    lines[0]["eval"] = True
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(Refused, match="begun with other clips or options"):
        do(operation="train", engine=LIGHT, manifest_path=manifest, options={"epochs": 2}, resume_dir=run)


def test_a_clip_too_short_to_learn_from_is_named(do: Do, store: Path, manifest: Path) -> None:
    write(store / "ada2.wav", spoken()[5_000:8_000])
    with pytest.raises(Refused, match=r"line 2: .* s; at least 0.5 s are needed"):
        do(operation="train", engine=LIGHT, manifest_path=manifest)


def test_a_half_checkpoint_is_passed_over(do: Do, store: Path, manifest: Path) -> None:
    options = {"epochs": 4, "save_step": 5}
    trained, _ = do(operation="train", engine=LIGHT, manifest_path=manifest, options=options)
    newest = sorted(Path(trained["resume_dir"]).glob("checkpoint_*"))[-1]
    newest.write_bytes(newest.read_bytes()[:-900])
    again, report = do(
        operation="train", engine=LIGHT, manifest_path=manifest, options=options, resume_dir=trained["resume_dir"]
    )
    assert report.of("run")[0]["resumed"]
    assert 0 < report.of("run")[0]["step"] < trained["steps"]
    assert again["eval_loss"] == trained["eval_loss"]


def test_export_of_a_run_without_an_epoch(do: Do, store: Path) -> None:
    (store / "run").mkdir()
    with pytest.raises(Refused, match="has finished no epoch"):
        do(operation="export", engine=LIGHT, run_dir=store / "run", out_dir=store / "new")
    assert not (store / "new").exists()
    assert not (store / ".new.part").exists()
