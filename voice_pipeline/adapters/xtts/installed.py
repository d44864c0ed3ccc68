"""Whether the engine's packages are there, and quiet enough."""

import logging
import os
import warnings

from voice_pipeline.contract import EngineUnavailable


def require() -> None:
    """Make `TTS` importable. Raises EngineUnavailable."""
    try:
        from voice_pipeline.adapters.xtts import torch_compat

        torch_compat.prepare()
        import torch
        import TTS  # noqa: F401
    except (ImportError, OSError) as error:
        raise EngineUnavailable(f"the XTTS engine is not installed here (make install-voice): {error}") from error
    torch.set_num_threads(threads())
    logging.getLogger("transformers").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)


def threads() -> int:
    """Processor threads that the engine may use."""
    given = os.environ.get("VOICE_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else 2
