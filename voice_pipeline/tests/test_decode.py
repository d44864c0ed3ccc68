"""Uploads of all kinds: what is taken, and why the rest is refused."""

import os
import struct
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voice_pipeline.audio import decode as module
from voice_pipeline.audio.decode import KEPT_RATE, MAX_BYTES, decode
from voice_pipeline.contract import Refused
from voice_pipeline.tests.clips import spoken, write

SECOND = 0.3 * np.sin(2 * np.pi * 300 * np.arange(22_050) / 22_050)


def refusal(path: Path, expected: str | None = None) -> Refused:
    with pytest.raises(Refused) as refused:
        decode(path, expected)
    assert str(refused.value)
    return refused.value


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.wav", {}),
        ("clip.wav", {"format": "WAVEX", "subtype": "PCM_24"}),
        ("clip.wav", {"subtype": "FLOAT"}),
        ("clip.flac", {}),
        ("clip.ogg", {"subtype": "VORBIS"}),
        ("clip.ogg", {"format": "OGG", "subtype": "OPUS"}),
        ("clip.mp3", {}),
    ],
)
def test_formats_that_are_taken(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    rate = 48_000 if options.get("subtype") == "OPUS" else 22_050
    sound = spoken(rate=rate)
    found = decode(write(tmp_path / name, sound, rate, **options))
    assert found.rate == rate
    assert found.seconds == pytest.approx(len(sound) / rate, abs=0.1)
    assert np.abs(found.samples).max() == pytest.approx(0.7, abs=0.15)


def test_the_name_does_not_choose_the_format(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.flac", spoken()).rename(tmp_path / "clip.raw")
    assert decode(path).format == "FLAC"


@pytest.mark.parametrize(
    ("form", "subtype"), [("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16")]
)
def test_other_formats_that_the_library_knows_are_refused(tmp_path: Path, form: str, subtype: str) -> None:
    write(tmp_path / "clip.wav", SECOND, format=form, subtype=subtype)
    assert refusal(tmp_path / "clip.wav").code == "format"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 1_000,
        b"RIFF",
        b"RIFF\xff\xff\xff\xffWAVEfmt ",
        b"#!/bin/sh\nexit\n",
        b"\x00\x00\x00\x18ftypM4A ",
        b"ID3",
    ],
)
def test_what_is_no_audio_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    error = refusal(path)
    assert error.code == "undecodable"
    assert "export it as WAV, FLAC, MP3 or OGG" in str(error)


def test_random_bytes_are_refused_or_decoded_but_never_break_it(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    whole = write(tmp_path / "whole.flac", spoken()).read_bytes()
    path = tmp_path / "clip.flac"
    for _ in range(30):
        damaged = bytearray(whole)
        for place in random.integers(0, len(damaged), 20):
            damaged[place] = int(random.integers(0, 256))
        path.write_bytes(damaged)
        with suppress(Refused):
            assert decode(path).seconds <= 300


def header(*, rate: int, channels: int, claimed: int) -> bytes:
    block = channels * 2
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * block, block, 16)
    start = b"RIFF" + struct.pack("<I", min(claimed + 36, 2**32 - 1)) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return start + b"data" + struct.pack("<I", claimed)


def test_a_header_that_claims_four_gigabytes_gives_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(header(rate=22_050, channels=1, claimed=2**32 - 1) + (SECOND * 32_767).astype("<i2").tobytes())
    tracemalloc.start()
    found = decode(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.seconds == 1.0
    assert most < 2 * MAX_BYTES


def test_a_file_that_was_cut_short_gives_what_is_there(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.wav", spoken())
    path.write_bytes(path.read_bytes()[: 44 + 22_050 * 2])
    assert decode(path).seconds == 1.0


def test_a_header_without_audio_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(header(rate=22_050, channels=1, claimed=1_000_000))
    assert refusal(path).code == "empty"


def test_a_decompression_bomb_is_left_early(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    with soundfile.SoundFile(path, "w", 48_000, 1, format="FLAC") as sound:
        quiet = np.zeros(48_000 * 60)
        quiet[0] = 0.5
        for _ in range(60):
            sound.write(quiet)
    assert path.stat().st_size < 2_000_000
    began = time.process_time()
    assert refusal(path).code == "too_long"
    assert time.process_time() - began < 5


def test_too_many_bytes_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.touch()
    os.truncate(path, MAX_BYTES + 1)
    assert refusal(path).code == "too_big"


@pytest.mark.parametrize(
    ("rate", "channels", "code"),
    [(4_000, 1, "rate"), (200_000, 1, "rate"), (22_050, 3, "channels"), (22_050, 8, "channels")],
)
def test_rates_and_channels_out_of_range(tmp_path: Path, rate: int, channels: int, code: str) -> None:
    write(tmp_path / "clip.wav", np.zeros((1_000, channels)) + 0.1, rate)
    assert refusal(tmp_path / "clip.wav").code == code


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    sound = SECOND.copy()
    sound[500] = bad
    assert refusal(write(tmp_path / "clip.wav", sound, subtype="FLOAT")).code == "not_finite"


def test_silence_is_refused(tmp_path: Path) -> None:
    assert refusal(write(tmp_path / "clip.wav", np.zeros(22_050))).code == "silent"


def test_another_file_than_the_approved_one_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.wav", SECOND)
    assert decode(path, decode(path).sha256).seconds == 1.0
    assert refusal(path, "0" * 64).code == "changed"


def test_links_folders_and_pipes_are_not_opened(tmp_path: Path) -> None:
    real = write(tmp_path / "real.wav", SECOND)
    (tmp_path / "link.wav").symlink_to(real)
    os.mkfifo(tmp_path / "pipe.wav")
    for name in ("link.wav", "pipe.wav", "none.wav", "."):
        assert refusal(tmp_path / name).code == "missing"


def test_high_rates_are_brought_down_and_said(tmp_path: Path) -> None:
    rate = 192_000
    time_axis = np.arange(rate * 2) / rate
    path = write(tmp_path / "clip.flac", 0.5 * np.sin(2 * np.pi * 1_000 * time_axis), rate)
    found = decode(path)
    assert (found.rate, found.source_rate, found.seconds) == (KEPT_RATE, rate, 2.0)
    assert len(found.samples) == pytest.approx(2 * KEPT_RATE, abs=KEPT_RATE * 0.01)
    spectrum = np.abs(np.fft.rfft(found.samples))
    assert np.argmax(spectrum) / 2 == pytest.approx(1_000, abs=2)


def test_stereo_is_mixed(tmp_path: Path) -> None:
    both = np.stack([SECOND, np.zeros_like(SECOND)], axis=1)
    found = decode(write(tmp_path / "clip.wav", both))
    assert found.channels == 2
    assert found.peak == pytest.approx(0.3, abs=0.01)
    assert np.abs(found.samples).max() == pytest.approx(0.15, abs=0.01)


def test_a_clip_of_the_longest_kind_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "MAX_SECONDS", 1)
        path = write(tmp_path / "clip.wav", SECOND)
        assert decode(path).seconds == 1.0
        assert refusal(write(tmp_path / "more.wav", np.append(SECOND, 0.1))).code == "too_long"
