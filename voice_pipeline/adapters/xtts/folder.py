"""The files of one engine version."""

import hashlib
import pickle
from functools import cached_property
from pathlib import Path
from typing import Any

from voice_pipeline.contract import EngineUnavailable
from voice_pipeline.files import sha256

MODEL, CONFIG, VOCABULARY = "model.pth", "config.json", "vocab.json"
NEEDED = (CONFIG, MODEL, VOCABULARY)
NEEDED_TO_TRAIN = ("dvae.pth", "mel_stats.pth")
TEST_ENGINE = "TEST_ENGINE"  # a file of this name marks weights that speak no voice


class Folder:
    """Raises EngineUnavailable when something is missing that speaking needs."""

    def __init__(self, path: Path) -> None:
        if missing := [name for name in NEEDED if not (path / name).is_file()]:
            raise EngineUnavailable(f"{path.name} lacks {', '.join(missing)}")
        self.path = path

    @property
    def is_test(self) -> bool:
        return (self.path / TEST_ENGINE).exists()

    @property
    def missing_to_train(self) -> list[str]:
        return [name for name in NEEDED_TO_TRAIN if not (self.path / name).is_file()]

    @cached_property
    def version(self) -> str:
        """One hash over all files that decide how it speaks."""
        parts = "".join(f"{name} {sha256(self.path / name)}\n" for name in NEEDED)
        return hashlib.sha256(parts.encode()).hexdigest()

    @cached_property
    def config(self) -> Any:
        """The engine's own configuration object."""
        from TTS.tts.configs.xtts_config import XttsConfig

        config = XttsConfig()
        try:
            config.load_json(str(self.path / CONFIG))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise EngineUnavailable(f"{CONFIG} of {self.path.name} cannot be used: {error}") from error
        return config

    @property
    def is_original(self) -> bool:
        """Whether the model is as its makers published it, with an object of their code inside.

        Loading such a file rewrites it in place, so its hash would change under us; `export` makes a version of it.
        """
        import torch

        try:
            torch.load(self.path / MODEL, map_location="cpu", mmap=True, weights_only=True)
        except pickle.UnpicklingError:
            return True
        except (RuntimeError, OSError, ValueError) as error:
            raise EngineUnavailable(f"{MODEL} of {self.path.name} cannot be read: {error}") from error
        return False
