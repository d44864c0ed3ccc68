"""Make coqui-tts importable on a torch without CUDA, without changing any installed file.

Checked with torch 2.13.0, torchaudio 2.11.0 and coqui-tts 0.28.0:

* torchaudio's wheel is linked against CUDA, so its C extension does not load on a torch for processors only; what XTTS
  uses of it (mel spectrograms, resampling) is Python;
* coqui-tts asks whether a package `torchcodec` can be found, and never imports it;
* torchaudio reads and writes files through torchcodec, so soundfile does that instead.

Where the native parts load, only reading and writing is replaced.
"""

import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

EXTENSION = "torchaudio._extension"


def prepare() -> None:
    """Call before the first import of TTS; more calls do nothing. Raises ImportError when torch is not installed."""
    torchaudio = _torchaudio()
    torchaudio.load, torchaudio.save = _load, _save
    if "torchcodec" not in sys.modules and importlib.util.find_spec("torchcodec") is None:
        stand_in = ModuleType("torchcodec")
        stand_in.__spec__ = ModuleSpec("torchcodec", loader=None)
        sys.modules["torchcodec"] = stand_in


def _torchaudio() -> Any:
    try:
        import torchaudio
    except OSError:  # a CUDA library of the extension is missing
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules[EXTENSION] = _extension()
        import torchaudio
    return torchaudio


def _extension() -> ModuleType:
    """What the rest of torchaudio asks its extension for, saying that there is none."""

    def fail_if_no_align(function: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*arguments: object, **named: object) -> None:
            raise RuntimeError("torchaudio's alignment needs its native extension, which does not load here")

        return fail

    module = ModuleType(EXTENSION)
    vars(module).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=fail_if_no_align
    )
    return module


def _load(
    uri: Any, frame_offset: int = 0, num_frames: int = -1, normalize: bool = True, channels_first: bool = True, **_: Any
) -> tuple[Any, int]:
    """`torchaudio.load` for the WAV files that this program wrote."""
    import soundfile
    import torch

    samples, rate = soundfile.read(uri, start=frame_offset, frames=num_frames, dtype="float32", always_2d=True)
    waves = torch.from_numpy(samples)
    return (waves.T.contiguous() if channels_first else waves), rate


def _save(uri: Any, src: Any, sample_rate: int, channels_first: bool = True, **_: Any) -> None:
    """`torchaudio.save`, 16 bits."""
    import soundfile

    samples = src.detach().cpu().numpy()
    soundfile.write(uri, samples.T if samples.ndim == 2 and channels_first else samples, sample_rate, subtype="PCM_16")
