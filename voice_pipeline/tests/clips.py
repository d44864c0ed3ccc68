"""Recordings whose truth is known: made by the numpy synthesiser, and by espeak-ng where it is installed."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from voice_pipeline.adapters.light.speech import Speaker, speak

Sound = npt.NDArray[np.float64]

TEXT = "the quick brown fox jumps over the lazy dog and seven more animals look at it from the other side"
OTHER_TEXT = "nobody knows how many people came to the harbour that evening when all the ships were late"
ADA = Speaker(pitch=205.0, tract=1.12)
BOB = Speaker(pitch=105.0, tract=0.9)
# The synthesiser always; espeak-ng beside it where there is one.
SOURCES = ["numpy", *(["espeak"] if shutil.which("espeak-ng") else [])]


def spoken(text: str = TEXT, speaker: Speaker = ADA, *, rate: int = 22_050, seed: int = 1) -> Sound:
    """About nine seconds, peak 0.7, true silence between the words."""
    return speak(text, speaker, rate, seed=seed).astype(np.float64)


def recording(source: str, folder: Path, text: str = TEXT) -> tuple[Sound, int]:
    """Clean speech of one speaker of either source with its rate."""
    if source == "numpy":
        return spoken(text), 22_050
    path = folder / "espeak.wav"
    subprocess.run(["espeak-ng", "-v", "en-gb+f3", "-s", "150", "-w", path, text], check=True)
    sound, rate = soundfile.read(path)
    return sound * 0.7 / np.abs(sound).max(), rate


def active_power(sound: Sound, rate: int) -> float:
    """Mean power of the 20 ms frames with speech in them, which is what a signal to noise ratio is about."""
    length = int(rate * 0.02)
    power = (sound[: len(sound) // length * length].reshape(-1, length) ** 2).mean(axis=1)
    return float(power[power > np.percentile(power, 90) / 1_000].mean())


def with_noise(sound: Sound, rate: int, snr_db: float, *, seed: int = 5) -> Sound:
    noise = np.random.default_rng(seed).standard_normal(len(sound))
    return sound + noise * np.sqrt(active_power(sound, rate) / 10 ** (snr_db / 10))


def write(path: Path, sound: Sound, rate: int = 22_050, **options: str) -> Path:
    soundfile.write(path, sound, rate, **options)
    return path
