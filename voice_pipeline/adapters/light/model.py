"""What the light engine learns: a linear autoencoder over fingerprints."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from voice_pipeline.audio.fingerprint import DIMENSIONS
from voice_pipeline.contract import EngineUnavailable
from voice_pipeline.files import sha256, whole

WIDTH = 24  # numbers that a fingerprint is squeezed to
WEIGHTS = "weights.safetensors"

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """`encode` is DIMENSIONS x WIDTH, `decode` WIDTH x DIMENSIONS; both see centred and scaled fingerprints."""

    mean: Matrix
    scale: Matrix
    encode: Matrix
    decode: Matrix

    def seen(self, prints: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The fingerprints, one a row, as this version sees them."""
        return (((prints - self.mean) / self.scale) @ self.encode).astype(np.float32)

    def tensors(self) -> dict[str, Matrix]:
        return {"mean": self.mean, "scale": self.scale, "encode": self.encode, "decode": self.decode}


def from_tensors(tensors: dict[str, Matrix]) -> Model:
    """Raises ValueError when something is missing, of another shape, or no number."""
    shapes = {
        "mean": (DIMENSIONS,),
        "scale": (DIMENSIONS,),
        "encode": (DIMENSIONS, WIDTH),
        "decode": (WIDTH, DIMENSIONS),
    }
    for name, shape in shapes.items():
        if name not in tensors or tensors[name].shape != shape or not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} is missing or broken")
    return Model(**{name: tensors[name].astype(np.float64) for name in shapes})


def write(model: Model, folder: Path) -> None:
    with whole(folder / WEIGHTS) as part:
        save_file(model.tensors(), part, metadata={"format": "purser-light-1"})


def read(folder: Path) -> tuple[Model, str]:
    """The model and the hash of its file. Raises EngineUnavailable."""
    path = folder / WEIGHTS
    try:
        return from_tensors(load_file(path)), sha256(path)
    except FileNotFoundError as error:
        raise EngineUnavailable(f"{folder.name} lacks {WEIGHTS}") from error
    except (OSError, SafetensorError, ValueError) as error:
        raise EngineUnavailable(f"{WEIGHTS} of {folder.name} cannot be used: {error}") from error
