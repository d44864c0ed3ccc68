"""Recordings of one speaker, good and bad: by espeak-ng where there is one, by the pipeline's synthesiser elsewhere."""

from pathlib import Path

import numpy as np
import soundfile
import soxr

from voice_pipeline.tests.clips import OTHER_TEXT, SOURCES, TEXT, Sound, recording, with_noise, write

SOURCE = SOURCES[-1]
BOMB_MINUTES = 20
# Where a FLAC file says how many samples it has: the 36 bits before the digest of its first block.
LENGTH = slice(21, 26)


def good(folder: Path) -> dict[str, bytes]:
    """Two recordings, each enough for Premium."""
    found = {}
    for name, text in (("one.wav", f"{TEXT}. {OTHER_TEXT}"), ("two.flac", f"{OTHER_TEXT}. {TEXT}")):
        sound, rate = recording(SOURCE, folder, text)
        found[name] = write(folder / name, sound, rate).read_bytes()
    return found


def bad(folder: Path) -> dict[str, bytes]:
    """By what is wrong with each."""
    sound, rate = recording(SOURCE, folder)
    telephone = soxr.resample(soxr.resample(sound, rate, 8_000), 8_000, 44_100)
    bomb = _bomb(folder / "bomb.flac")
    return {
        "noisy.wav": write(folder / "noisy.wav", with_noise(sound, rate, 8), rate).read_bytes(),
        "clipped.wav": write(folder / "clipped.wav", np.clip(sound * 6, -1, 1), rate).read_bytes(),
        "telephone.wav": write(folder / "telephone.wav", telephone, 44_100).read_bytes(),
        "aiff.wav": write(folder / "aiff.wav", sound, rate, format="AIFF", subtype="PCM_16").read_bytes(),
        "bomb.flac": bomb,
        "lying.flac": _saying(bomb, samples=22_050 * 5),
        "hollow.wav": write(folder / "hollow.wav", sound, rate).read_bytes()[:44],  # a header, and nothing of the rest
    }


def short(folder: Path) -> bytes:
    """Less than a second of speech."""
    sound, rate = recording(SOURCE, folder)
    return write(folder / "short.wav", _louder_half(sound)[: int(rate * 0.8)], rate).read_bytes()


def _louder_half(sound: Sound) -> Sound:
    return sound[int(np.argmax(np.abs(sound) > 0.1)) :]


def _bomb(path: Path) -> bytes:
    """Twenty minutes of silence after a click, in some kilobytes."""
    with soundfile.SoundFile(path, "w", 22_050, 1, format="FLAC") as sound:
        minute = np.zeros(22_050 * 60)
        minute[0] = 0.5
        for _ in range(BOMB_MINUTES):
            sound.write(minute)
    return path.read_bytes()


def _saying(flac: bytes, *, samples: int) -> bytes:
    """The same with another length in its header."""
    head = int.from_bytes(flac[LENGTH], "big") >> 36 << 36
    return flac[: LENGTH.start] + (head | samples).to_bytes(5, "big") + flac[LENGTH.stop :]
