"""Decode an uploaded clip that nobody vouches for."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from voice_pipeline.audio.clipping import ClipMeter
from voice_pipeline.contract import Refused
from voice_pipeline.files import read_regular

Samples = npt.NDArray[np.float32]

FORMATS = frozenset({"WAV", "WAVEX", "FLAC", "OGG", "MP3"})  # libsndfile knows twenty more
MAX_BYTES = 25 * 1024**2
MAX_SECONDS = 300
RATES = (8_000, 192_000)
MOST_CHANNELS = 2
BLOCK = 65_536
# More than this says nothing about a voice and costs four times the memory; higher rates are brought down to it.
KEPT_RATE = 48_000
SILENT_PEAK = 1e-4  # -80 dBFS


@dataclass(frozen=True)
class Decoded:
    """One clip: mixed to one channel, at `rate`, which is the source's or 48 kHz if that is lower."""

    samples: Samples
    rate: int
    source_rate: int
    format: str
    subtype: str
    channels: int
    size: int  # bytes
    sha256: str
    seconds: float
    peak: float  # of the loudest channel, 1.0 is full scale
    clipped_ratio: float


def decode(path: Path, expected: str | None = None) -> Decoded:
    """Read in blocks with a cap, never believing the length that the header gives.

    `expected` is the SHA-256 of the clip that was approved. Raises Refused with the codes of docs/voice-pipeline.md.
    """
    content = read_regular(path, MAX_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    if expected is not None and digest != expected:
        raise Refused(f"{path.name} is not the clip that was approved", code="changed")
    try:
        # Content, not the file's name, says what it is.
        with soundfile.SoundFile(io.BytesIO(content)) as sound:
            _acceptable(sound)
            samples, meter = _samples(sound)
            facts = (sound.samplerate, sound.format, sound.subtype, sound.channels)
    except soundfile.LibsndfileError as error:
        told = str(error).split(": ", 1)[-1].rstrip(".")
        raise Refused(
            f"it cannot be decoded ({told}): export it as WAV, FLAC, MP3 or OGG", code="undecodable"
        ) from error
    rate, form, subtype, channels = facts
    if meter.peak < SILENT_PEAK:
        raise Refused("it is silent", code="silent")
    return Decoded(
        samples=samples,
        rate=min(rate, KEPT_RATE),
        source_rate=rate,
        format=form,
        subtype=subtype,
        channels=channels,
        size=len(content),
        sha256=digest,
        seconds=round(meter.frames / rate, 3),
        peak=meter.peak,
        clipped_ratio=meter.ratio(),
    )


def resample(samples: Samples, rate: int, target: int) -> Samples:
    if rate == target:
        return samples
    return np.asarray(soxr.resample(samples, rate, target, quality="HQ"), np.float32)


def _acceptable(sound: soundfile.SoundFile) -> None:
    if sound.format not in FORMATS:
        raise Refused(f"{sound.format} is not accepted: export it as WAV, FLAC, MP3 or OGG", code="format")
    if not RATES[0] <= sound.samplerate <= RATES[1]:
        raise Refused(f"it is sampled at {sound.samplerate} Hz; {RATES[0]} to {RATES[1]} Hz are accepted", code="rate")
    if not 1 <= sound.channels <= MOST_CHANNELS:
        raise Refused(f"it has {sound.channels} channels; export it in mono or stereo", code="channels")


def _samples(sound: soundfile.SoundFile) -> tuple[Samples, ClipMeter]:
    meter = ClipMeter(sound.samplerate, sound.channels)
    slower = soxr.ResampleStream(sound.samplerate, KEPT_RATE, 1) if sound.samplerate > KEPT_RATE else None
    limit = MAX_SECONDS * sound.samplerate
    parts: list[Samples] = []
    while len(block := sound.read(BLOCK, dtype="float32", always_2d=True)):
        if not np.isfinite(block).all():
            raise Refused("it holds sample values that are no numbers", code="not_finite")
        meter.feed(block)
        if meter.frames > limit:
            raise Refused(f"it is longer than {MAX_SECONDS} seconds: cut it", code="too_long")
        mono = block.mean(axis=1, dtype=np.float32)
        parts.append(mono if slower is None else slower.resample_chunk(mono))
    if not meter.frames:
        raise Refused("there is no audio in it", code="empty")
    if slower is not None:
        parts.append(slower.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(parts), meter
