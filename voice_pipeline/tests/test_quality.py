"""Facts about a recording against what is known to be true of it."""

from pathlib import Path

import numpy as np
import pytest
import soxr

from voice_pipeline.audio.decode import decode
from voice_pipeline.audio.quality import Quality, quality
from voice_pipeline.tests.clips import SOURCES, recording, spoken, with_noise, write


def measured(folder: Path, sound: np.ndarray, rate: int = 22_050, **options: str) -> Quality:
    return quality(decode(write(folder / "clip.wav", sound, rate, **options)))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("truth", [40, 30, 20, 10, 5])
def test_signal_to_noise_is_read_as_it_is(tmp_path: Path, source: str, truth: int) -> None:
    sound, rate = recording(source, tmp_path)
    noisy = with_noise(sound * 0.5, rate, truth)
    assert measured(tmp_path, noisy, rate).snr_db == pytest.approx(truth, abs=1.5)


@pytest.mark.parametrize("source", SOURCES)
def test_clean_speech_has_no_noise(tmp_path: Path, source: str) -> None:
    sound, rate = recording(source, tmp_path)
    found = measured(tmp_path, sound, rate)
    assert found.snr_db == 90.0
    assert found.clipped_ratio == 0.0
    assert not found.upsampled


def test_padding_with_zeros_does_not_pass_for_a_quiet_room(tmp_path: Path) -> None:
    noisy = with_noise(spoken() * 0.5, 22_050, 15)
    padded = np.concatenate([np.zeros(22_050), noisy, np.zeros(22_050)])
    assert measured(tmp_path, padded).snr_db == pytest.approx(15, abs=1.5)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("gain", "subtype"), [(1.6, "PCM_16"), (2.5, "PCM_16"), (2.5, "PCM_24"), (4.0, "PCM_16")])
def test_clipping_is_read_a_little_low_and_never_missed(tmp_path: Path, source: str, gain: float, subtype: str) -> None:
    sound, rate = recording(source, tmp_path)
    loud = sound * gain / 0.7
    truth = float((np.abs(loud) > 1.0).mean())
    found = measured(tmp_path, np.clip(loud, -1, 1), rate, subtype=subtype).clipped_ratio
    assert truth * 0.3 <= found <= truth


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 96_000])
def test_loud_speech_that_is_not_clipped_is_not_called_so(tmp_path: Path, rate: int) -> None:
    assert measured(tmp_path, spoken(rate=rate) * 0.999 / 0.7, rate).clipped_ratio <= 0.0005


def test_clipping_of_one_channel_is_seen(tmp_path: Path) -> None:
    sound = spoken()
    both = np.stack([np.clip(sound * 4 / 0.7, -1, 1), sound * 0.1], axis=1)
    assert measured(tmp_path, both).clipped_ratio > 0.01


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("noise_db", [90, 40, 25])
def test_telephone_audio_is_seen_behind_a_higher_rate(tmp_path: Path, source: str, noise_db: int) -> None:
    sound, rate = recording(source, tmp_path)
    telephone = soxr.resample(sound, rate, 8_000)
    wide = with_noise(soxr.resample(telephone, 8_000, 44_100), 44_100, noise_db)
    found = measured(tmp_path, wide * 0.5, 44_100)
    assert found.upsampled
    assert 3_000 < found.bandwidth_hz <= 4_400
    assert found.rate == 44_100
    real = measured(tmp_path, sound, rate)
    assert real.bandwidth_hz > 7_000
    assert not real.upsampled


def test_telephone_audio_at_its_own_rate_is_not_upsampled(tmp_path: Path) -> None:
    found = measured(tmp_path, spoken(rate=8_000), 8_000)
    assert not found.upsampled
    assert found.bandwidth_hz <= 4_000


def test_level_peak_silence_and_offset(tmp_path: Path) -> None:
    time = np.arange(44_100) / 22_050
    tone = 0.5 * np.sin(2 * np.pi * 500 * time)
    found = measured(tmp_path, np.concatenate([tone, np.zeros(44_100)]) + 0.01)
    assert found.seconds == 4.0
    assert found.speech_seconds == pytest.approx(2.0, abs=0.05)
    assert found.silence_ratio == pytest.approx(0.5, abs=0.02)
    assert found.level_dbfs == pytest.approx(-9.0, abs=0.1)
    assert found.peak_dbfs == pytest.approx(-5.8, abs=0.1)
    assert found.dc_offset == pytest.approx(0.01, abs=0.001)


def test_a_clip_shorter_than_a_frame_has_facts_too(tmp_path: Path) -> None:
    found = measured(tmp_path, np.full(20, 0.3))
    assert found.seconds == 0.0
    assert np.isfinite(found.snr_db)
