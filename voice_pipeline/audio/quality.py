"""Facts about a recording that decide how good a voice can get from it."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voice_pipeline.audio.decode import Decoded, Samples

Numbers = npt.NDArray[np.float64]

FRAME_SECONDS = 0.02
ACTIVE_BELOW_SPEECH_DB = 30.0
QUIETEST_SPEECH_DBFS = -60.0
DIGITAL_SILENCE_DBFS = -85.0  # padding; it must not pass for a quiet room
MOST_SNR_DB = 90.0
SPECTRUM_BAND_HZ = 250.0
SPECTRUM_RANGE_DB = 65.0
STANDS_OUT = 3.0  # times the power of the pauses
PAUSES_PERCENT = 15
PAUSES_BELOW_SPEECH_DB = 10.0
TELEPHONE_HZ = 4_400  # audio sampled at 8 kHz ends at 4 kHz


@dataclass(frozen=True)
class Quality:
    seconds: float
    speech_seconds: float
    snr_db: float
    clipped_ratio: float
    bandwidth_hz: int
    upsampled: bool
    silence_ratio: float
    level_dbfs: float
    noise_floor_dbfs: float
    peak_dbfs: float
    dc_offset: float
    rate: int  # of the source, Hz


def quality(clip: Decoded) -> Quality:
    frames = _frames(clip.samples, int(clip.rate * FRAME_SECONDS))
    power = (frames.astype(np.float64) ** 2).mean(axis=1)
    level = 10 * np.log10(np.maximum(power, 1e-12))
    loud = float(np.percentile(level, 90))
    active = level > max(loud - ACTIVE_BELOW_SPEECH_DB, QUIETEST_SPEECH_DBFS)
    floor = _floor(level)
    speech = float(power[active].mean()) if active.any() else 0.0
    noise = 10 ** (floor / 10)
    bandwidth = _bandwidth(frames, level, clip.rate)
    return Quality(
        seconds=round(clip.seconds, 2),
        speech_seconds=round(float(active.sum()) * FRAME_SECONDS, 2),
        snr_db=round(min(max(_db(speech - noise) - floor, 0.0), MOST_SNR_DB), 1),
        clipped_ratio=clip.clipped_ratio,
        bandwidth_hz=bandwidth,
        upsampled=bandwidth < TELEPHONE_HZ and clip.source_rate >= 16_000,
        silence_ratio=round(1 - float(active.mean()), 3),
        level_dbfs=round(_db(speech), 1),
        noise_floor_dbfs=round(floor, 1),
        peak_dbfs=round(20 * math.log10(max(clip.peak, 1e-6)), 1),
        dc_offset=round(float(clip.samples.mean()), 5),
        rate=clip.source_rate,
    )


def _frames(samples: Samples, length: int) -> Samples:
    """Rows of 20 ms; a clip shorter than that is one row, padded."""
    if len(samples) < length:
        return np.pad(samples, (0, length - len(samples)))[None, :]
    return samples[: len(samples) // length * length].reshape(-1, length)


def _floor(level: Numbers) -> float:
    """The noise between the words, in dBFS: the quietest frames once the padding at both ends is taken off."""
    heard = np.flatnonzero(level > DIGITAL_SILENCE_DBFS)
    if len(heard) == 0:
        return -120.0
    return float(np.percentile(level[heard[0] : heard[-1] + 1], 5))


def _bandwidth(frames: Samples, level: Numbers, rate: int) -> int:
    """The highest frequency at which speech stands out from the pauses, in Hz.

    A band counts when it is within 65 dB of the strongest one, and three times as strong in the louder half of the
    frames as in the quietest ones: steady noise up to the highest frequency does not make a telephone recording a wide
    one. In a sound without pauses only the first counts.
    """
    window = np.hanning(frames.shape[1])
    talking = _spectrum(frames[level >= np.median(level)], window)
    quiet = _spectrum(frames[level <= np.percentile(level, PAUSES_PERCENT)], window)
    if quiet.sum() > talking.sum() * 10 ** (-PAUSES_BELOW_SPEECH_DB / 10):
        quiet = np.zeros_like(talking)
    width = max(1, round(SPECTRUM_BAND_HZ * frames.shape[1] / rate))
    bands = len(talking) // width
    talking, quiet = (part[: bands * width].reshape(bands, width).mean(axis=1) for part in (talking, quiet))
    counts = (talking > STANDS_OUT * quiet) & (talking > talking.max() * 10 ** (-SPECTRUM_RANGE_DB / 10))
    if not counts.any():
        return 0
    return int((np.flatnonzero(counts)[-1] + 1) * width * rate / frames.shape[1])


def _spectrum(frames: Samples, window: Numbers) -> Numbers:
    """Mean power spectrum, in portions that bound the memory."""
    total = np.zeros(frames.shape[1] // 2 + 1)
    for start in range(0, len(frames), 1_000):
        total += (np.abs(np.fft.rfft(frames[start : start + 1_000] * window)) ** 2).sum(axis=0)
    return total / max(1, len(frames))


def _db(power: float) -> float:
    return 10 * math.log10(max(power, 1e-12))
