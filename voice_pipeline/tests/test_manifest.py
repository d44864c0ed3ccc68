"""Training data is checked as a whole before the first step."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from voice_pipeline import manifest
from voice_pipeline.contract import Refused, SpecError
from voice_pipeline.tests.clips import write
from voice_pipeline.tests.conftest import Recorder


def written(store: Path, *lines: dict[str, Any] | str) -> Path:
    path = store / "lines.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"audio_file": name, "text": "Good morning.", **more}


def test_a_recording_outside_the_roots_is_an_error_of_the_order(store: Path, tmp_path: Path) -> None:
    (store / "link.wav").symlink_to("/etc/passwd")
    write(tmp_path / "outside.wav", np.zeros(9) + 0.1)
    for name in ("/etc/passwd", "../outside.wav", "link.wav", str(tmp_path / "outside.wav")):
        path = written(store, entry("ada1.wav"), entry(name), entry("bob1.wav"))
        with pytest.raises(SpecError, match=r"manifest_path: line 2: .* lies outside VOICE_ROOTS"):
            manifest.read(path)


def test_every_bad_line_is_named_at_once(store: Path) -> None:
    path = written(
        store,
        "no json",
        {"text": "no file"},
        entry("a.wav", language=7),
        entry("a.wav", mood="sad"),
        entry("a.wav", text=""),
        entry("a.wav"),
    )
    with pytest.raises(Refused) as refused:
        manifest.read(path)
    assert [problem.split(":")[0] for problem in refused.value.problems] == [f"line {n}" for n in (1, 2, 3, 4, 5)]
    assert "audio_file" in refused.value.problems[1]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\n"])
def test_what_is_no_manifest(store: Path, content: bytes) -> None:
    path = store / "lines.jsonl"
    path.write_bytes(content)
    with pytest.raises(Refused):
        manifest.read(path)
    with pytest.raises(Refused, match="cannot be read"):
        manifest.read(store / "none.jsonl")


def test_too_few_to_learn_from(store: Path) -> None:
    with pytest.raises(Refused, match="at least 2 clips to learn from, beside those held out; it has 1"):
        manifest.read(written(store, entry("a.wav"), entry("b.wav")))
    assert len(manifest.read(written(store, entry("a.wav"), entry("b.wav"), entry("c.wav")))) == 3
    with pytest.raises(Refused, match="it has 1"):
        manifest.read(written(store, entry("a.wav"), entry("b.wav", eval=True), entry("c.wav", eval=True)))


def test_all_bad_recordings_are_named_before_anything_is_trained(store: Path, clips: dict[str, Any]) -> None:
    (store / "bad.wav").write_bytes(b"no audio")
    write(store / "silent.wav", np.zeros(9_000))
    lines = [entry("ada1.wav"), entry("bad.wav"), entry("ada2.wav"), entry("none.wav"), entry("silent.wav")]
    lines.append(entry("bob1.wav", sha256="0" * 64))
    rows = manifest.read(written(store, *lines))
    with pytest.raises(Refused) as refused:
        manifest.prepare(rows, store / "prepared", 22_050, Recorder())
    named = [problem.split(":")[0] for problem in refused.value.problems]
    assert named == ["line 2 (bad.wav)", "line 4 (none.wav)", "line 5 (silent.wav)", "line 6 (bob1.wav)"]


def test_an_engine_gets_files_that_were_written_for_it(store: Path, clips: dict[str, Any]) -> None:
    stereo = np.stack([np.sin(np.arange(48_000) / 9), np.sin(np.arange(48_000) / 9)], axis=1)
    write(store / "stereo.flac", stereo * 0.5, 48_000)
    lines = [entry("ada1.wav"), entry("stereo.flac", speaker_name="ada", language="de"), entry("bob1.wav")]
    rows = manifest.read(written(store, *lines))
    found = manifest.prepare(rows, store / "prepared", 22_050, Recorder())
    assert [clip.held_out for clip in found] == [False, False, True]
    assert (found[1].speaker, found[1].language, found[1].seconds) == ("ada", "de", 1.0)
    for clip in found:
        info = soundfile.info(clip.path)
        assert (info.samplerate, info.channels, info.format, info.subtype) == (22_050, 1, "WAV", "PCM_16")
        assert clip.path.parent == store / "prepared"
