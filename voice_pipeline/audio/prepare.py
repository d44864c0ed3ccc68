"""What an engine is given: mono WAV files that this program wrote."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from voice_pipeline import stopping
from voice_pipeline.audio.decode import Decoded, decode, resample
from voice_pipeline.contract import Refused
from voice_pipeline.files import whole
from voice_pipeline.spec import Clip

# Hidden, because it is emptied: nobody's recordings may lie in a folder of this name.
PREPARED = ".prepared"


def write_wav(path: Path, clip: Decoded, rate: int) -> None:
    """16 bits, mono; what goes above full scale is brought down, not cut."""
    samples = resample(clip.samples, clip.rate, rate)
    loudest = float(np.abs(samples).max(initial=0.0))
    with whole(path) as part:
        soundfile.write(part, samples / max(loudest, 1.0), rate, subtype="PCM_16", format="WAV")


@contextmanager
def prepared(clips: Sequence[Clip], work: Path, rate: int) -> Iterator[list[Path]]:
    """Decode the clips below `work` for as long as they are needed. Raises Refused and names the clip."""
    folder = work / PREPARED
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        paths = []
        for number, clip in enumerate(clips, 1):
            stopping.check()
            paths.append(folder / f"{number:03d}.wav")
            try:
                write_wav(paths[-1], decode(clip.path, clip.sha256), rate)
            except Refused as error:
                raise Refused(f"clip {number} ({clip.path.name}): {error}", code=error.code) from error
        yield paths
    finally:
        shutil.rmtree(folder, ignore_errors=True)
