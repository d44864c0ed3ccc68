"""Recordings of nobody: a buzz shaped like speech, good enough for what reference recordings are checked for."""

import io
import math
import struct
import wave
from random import Random

RATE = 24_000  # Hz, as the highest tier wants
HARMONICS = 60


def recording(*, pitch: float, seconds: float, seed: int) -> bytes:
    """A WAV file, mono, 16 bit: syllables at `pitch` Hz with pauses between words, nearly silent in between."""
    rng = Random(seed)  # noqa: S311 - the same recording every time is the point
    samples: list[int] = []
    while len(samples) < seconds * RATE:
        for _ in range(rng.randint(2, 4)):
            samples += _syllable(pitch * rng.uniform(0.92, 1.1), rng.uniform(0.12, 0.22), rng)
        samples += [rng.randint(-2, 2) for _ in range(int(RATE * rng.uniform(0.08, 0.2)))]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return out.getvalue()


def _syllable(pitch: float, seconds: float, rng: Random) -> list[int]:
    """One period of a vowel again and again, swelling and dying away."""
    period = max(int(RATE / pitch), 2)
    vowel = (rng.uniform(300, 850), rng.uniform(900, 2_400), rng.uniform(2_500, 3_500), rng.uniform(6_000, 9_500))
    wavelet = [0.0] * period
    for number in range(1, min(HARMONICS, period // 2)):
        frequency = number * RATE / period
        loud = sum(math.exp(-(((frequency - peak) / (90 + peak / 12)) ** 2)) for peak in vowel) + 0.04
        phase = rng.uniform(0, 2 * math.pi)
        for place in range(period):
            wavelet[place] += loud * math.sin(2 * math.pi * number * place / period + phase)
    top = max(map(abs, wavelet)) or 1.0
    count = int(RATE * seconds) // period * period
    return [
        int(22_000 * math.sin(math.pi * (place + 0.5) / count) ** 0.6 * wavelet[place % period] / top)
        for place in range(count)
    ]
