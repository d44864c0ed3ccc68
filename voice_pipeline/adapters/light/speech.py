"""A sound that has the shape of speech and says nothing: syllables of a buzz through three resonances.

It depends on the text, the voice and the seed alone, so the same order gives the same file.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Three resonances of five vowels in Hz: Peterson and Barney (1952), averages of men.
VOWELS = {
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
WIDTHS_HZ = (60, 90, 150)
PITCHES_HZ = (90.0, 240.0)
SYLLABLE_SECONDS = 0.17
PAUSE_SECONDS = 0.12
PEAK = 0.7

Sound = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Speaker:
    pitch: float  # Hz
    tract: float  # factor on the resonances: above 1 is a shorter throat


def speaker_of(numbers: npt.NDArray[np.float32]) -> Speaker:
    """A speaker that belongs to a conditioning: other numbers, another speaker."""
    digest = hashlib.sha256(np.round(numbers, 2).astype("<f4").tobytes()).digest()
    low, high = PITCHES_HZ
    return Speaker(pitch=low + (high - low) * digest[0] / 255, tract=0.85 + 0.3 * digest[1] / 255)


def speak(text: str, speaker: Speaker, rate: int, *, speed: float = 1.0, seed: int = 1) -> npt.NDArray[np.float32]:
    """Mono samples, peak 0.7. Letters become syllables, all else pauses."""
    noise = np.random.default_rng(seed)
    parts = [_silence(rate, PAUSE_SECONDS)]
    for word in text.lower().split():
        letters = [letter for letter in word if letter.isalnum()]
        for start in range(0, len(letters), 2):
            parts.append(_syllable("".join(letters[start : start + 2]), speaker, rate, speed, noise))
        parts.append(_silence(rate, PAUSE_SECONDS / speed))
    sound = np.concatenate(parts)
    peak = float(np.abs(sound).max())
    return (sound * (PEAK / peak) if peak else sound).astype(np.float32)


def _syllable(letters: str, speaker: Speaker, rate: int, speed: float, noise: np.random.Generator) -> Sound:
    vowel = next((letter for letter in letters if letter in VOWELS), "aeiou"[ord(letters[0]) % 5])
    count = int(rate * SYLLABLE_SECONDS / speed)
    time = np.arange(count) / rate
    # The pitch falls within the syllable and is never quite steady.
    pitch = speaker.pitch * (1.08 - 0.16 * time / time[-1]) * (1 + 0.02 * noise.standard_normal())
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = np.zeros(count)
    for harmonic in range(1, int(min(rate / 2 - 500, 9_000) / speaker.pitch)):
        frequency = harmonic * speaker.pitch
        sound += _gain(frequency, VOWELS[vowel], speaker.tract) * np.sin(harmonic * phase) / harmonic
    rise = np.minimum(1, np.minimum(time, time[-1] - time) / 0.03)
    hiss = _hiss(count, rate, noise) * np.exp(-time / 0.03) * (0.05 if letters[0] in VOWELS else 0.5)
    syllable: Sound = sound * rise + hiss * float(np.abs(sound).max())
    return syllable


def _gain(frequency: float, resonances: tuple[int, int, int], tract: float) -> float:
    peaks = (
        1 / (1 + ((frequency - tract * resonance) / width) ** 2)
        for resonance, width in zip(resonances, WIDTHS_HZ, strict=True)
    )
    return sum(peaks) + 0.02


def _hiss(count: int, rate: int, noise: np.random.Generator) -> Sound:
    """The noise of a consonant: differences of white noise, which lie high."""
    white = noise.standard_normal(count + 1)
    return np.diff(white) * 0.25 * min(1.0, rate / 22_050)


def _silence(rate: int, seconds: float) -> Sound:
    return np.zeros(int(rate * seconds))
