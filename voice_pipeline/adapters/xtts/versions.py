"""Make an engine version of a trained run, or of a checkpoint as its makers published it."""

import pickle
import shutil
from pathlib import Path
from typing import Any

from voice_pipeline.adapters.xtts.folder import CONFIG, MODEL, NEEDED_TO_TRAIN, TEST_ENGINE, VOCABULARY, Folder
from voice_pipeline.contract import Refused
from voice_pipeline.files import whole

BEST = "best_model.pth"
READ_ONLY = 0o444


def export(base: Folder, run: Path, out: Path) -> None:
    """Write all files of a version into `out`, read-only.

    The weights lose what only training needs (a third of the size) and any object of the makers' code. `run` is a run
    that was trained from `base`, or the folder of `base` itself.
    """
    import torch

    weights = base.path / MODEL if run == base.path else run / BEST
    if not weights.is_file():
        raise Refused(f"{run.name} has no {weights.name}: it has finished no epoch", code="run")
    state = _state(base, weights, out)
    with whole(out / MODEL) as part:
        torch.save({"model": state, "config": base.config.to_dict()}, part)
    for name in (CONFIG, VOCABULARY, *NEEDED_TO_TRAIN, TEST_ENGINE):
        if (base.path / name).is_file():
            shutil.copyfile(base.path / name, out / name)
    for path in out.iterdir():
        path.chmod(READ_ONLY)


def _state(base: Folder, weights: Path, out: Path) -> Any:
    """The tensors of a speaking model. Raises Refused when they do not fit the config."""
    from TTS.tts.models.xtts import Xtts

    model = Xtts(base.config)
    copied = out / "original"
    if weights.parent == base.path:
        # The library rewrites an original checkpoint where it lies.
        shutil.copyfile(weights, copied)
        weights = copied
    try:
        state = model.get_compatible_checkpoint_state_dict(weights)
    except (RuntimeError, KeyError, OSError, EOFError, pickle.UnpicklingError) as error:
        # Among them files that hold objects of any other code: those are never loaded.
        raise Refused(f"{weights.name} holds no weights that can be read: {error}"[:500], code="run") from error
    finally:
        copied.unlink(missing_ok=True)
    model.init_models()
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError:
        _fits_for_inference(model, state)
    return state


def _fits_for_inference(model: Any, state: Any) -> None:
    # The first published generation also holds what the library makes before it speaks.
    model.gpt.init_gpt_for_inference(kv_cache=model.args.kv_cache)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise Refused(f"the weights do not fit {CONFIG}: {error}"[:500], code="run") from error
