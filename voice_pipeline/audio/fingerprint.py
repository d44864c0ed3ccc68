"""A light fingerprint of a voice: 60 numbers from mel cepstra, nothing learned.

It finds the same recording in another format and gross mix-ups. It does not tell who speaks.
"""

import numpy as np
import numpy.typing as npt

from voice_pipeline.audio.decode import Samples, resample

RATE = 16_000
WINDOW, HOP, FFT = 400, 160, 512
BANDS, CEPSTRA = 40, 20
DIMENSIONS = 3 * CEPSTRA
LOWEST_HZ, HIGHEST_HZ = 60.0, 7_600.0
SPEECH_RANGE_DB = 30.0
# Above this likeness two clips are the same recording: other sentences of one voice stay below 0.996.
SAME_RECORDING = 0.9985
# An odd clip is this many times as far from its nearest as the others are from one another at most.
ODD_TIMES, ODD_DISTANCE = 2.0, 0.015

Vector = npt.NDArray[np.float32]


def fingerprint(samples: Samples, rate: int) -> Vector:
    """Mean, deviation and mean change of 20 cepstra over the frames with speech; length 1. Loudness does not count."""
    cepstra = _cepstra(resample(samples, rate, RATE))
    change = np.abs(np.diff(cepstra, axis=0)).mean(0) if len(cepstra) > 1 else np.zeros(CEPSTRA)
    vector = np.concatenate([cepstra.mean(0), cepstra.std(0), change])
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)


def likeness(one: Vector, other: Vector) -> float:
    """Cosine, -1 to 1."""
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / scale if scale else 0.0


def duplicates(prints: dict[int, Vector]) -> list[list[int]]:
    """Pairs of clip numbers that hold the same recording."""
    return [[a, b] for a in prints for b in prints if a < b and likeness(prints[a], prints[b]) >= SAME_RECORDING]


def odd_one_out(prints: dict[int, Vector]) -> int | None:
    """The clip that stands far apart from others that lie close together; None when there is no such clip."""
    if len(prints) < 3:
        return None
    apart = {(a, b): 1 - likeness(prints[a], prints[b]) for a in prints for b in prints if a != b}
    odd = max(prints, key=lambda a: sum(apart[a, b] for b in prints if b != a))
    nearest = min(apart[odd, b] for b in prints if b != odd)
    widest = max(distance for pair, distance in apart.items() if odd not in pair)
    return odd if nearest >= max(ODD_DISTANCE, ODD_TIMES * widest) else None


def _cepstra(samples: Samples) -> npt.NDArray[np.float64]:
    if len(samples) < WINDOW:
        samples = np.pad(samples, (0, WINDOW - len(samples)))
    emphasised = np.append(samples[0], samples[1:] - np.float32(0.97) * samples[:-1]).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, WINDOW)[::HOP]
    window = np.hamming(WINDOW)
    parts = [
        np.abs(np.fft.rfft(frames[start : start + 2_000] * window, FFT)) ** 2 for start in range(0, len(frames), 2_000)
    ]
    power = np.concatenate(parts)
    energy = 10 * np.log10(np.maximum(power.sum(axis=1), 1e-12))
    speech = power[energy > np.percentile(energy, 90) - SPEECH_RANGE_DB]
    logs = np.log(np.maximum(speech @ _MEL.T, 1e-10))
    return np.asarray(logs @ _COSINES.T, np.float64)


def _mel_bank() -> npt.NDArray[np.float64]:
    """Triangles that are even on the mel scale."""
    ends = 2595 * np.log10(1 + np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)
    points = 700 * (10 ** (np.linspace(ends[0], ends[1], BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(FFT, 1 / RATE)
    rising = (bins - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    falling = (points[2:, None] - bins) / (points[2:] - points[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling))


def _cosines() -> npt.NDArray[np.float64]:
    """The cosine transform without its first row, which is the loudness."""
    rows = np.arange(1, CEPSTRA + 1)[:, None]
    cosines = np.cos(np.pi * rows * (2 * np.arange(BANDS) + 1) / (2 * BANDS)) * np.sqrt(2 / BANDS)
    return np.asarray(cosines, np.float64)


_MEL = _mel_bank()
_COSINES = _cosines()
