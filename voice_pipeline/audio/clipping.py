"""How much of a clip was cut off at the top."""

import numpy as np
import numpy.typing as npt

LOUD = 0.5  # clipping below half of full scale is a peak of some other kind
NEAR_TOP = 0.985
STUCK = 1e-3  # largest difference of neighbours at 22,050 Hz that counts as no movement
_BINS_PER_UNIT = 1_000
_HIGHEST = 4.0  # floating-point files may go above full scale


class ClipMeter:
    """Fed block by block. Clipped is a run of three samples of a channel that stay at the loudest level of the clip.

    The loudest level is known at the end only, so runs are counted by their level. A run across two blocks may be
    missed; blocks are long.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self.frames = 0
        self.peak = 0.0
        self._channels = channels
        self._tolerance = STUCK * min(1.0, 22_050 / rate)
        self._runs = np.zeros(int(_HIGHEST * _BINS_PER_UNIT) + 1, np.int64)

    def feed(self, block: npt.NDArray[np.float32]) -> None:
        """`block` has a row per frame and a column per channel."""
        self.frames += len(block)
        self.peak = max(self.peak, float(np.abs(block).max()))
        if len(block) < 3:
            return
        still = np.abs(np.diff(block, axis=0)) < self._tolerance
        middle = np.abs(block[1:-1])
        levels = middle[still[:-1] & still[1:] & (middle >= LOUD)]
        bins = np.minimum(levels * _BINS_PER_UNIT, len(self._runs) - 1).astype(np.int64)
        self._runs += np.bincount(bins, minlength=len(self._runs))

    def ratio(self) -> float:
        """Share of the samples, 0 to 1. Reads a little low: the first and last of a run are not counted."""
        if self.peak < LOUD:
            return 0.0
        top = int(min(self.peak * NEAR_TOP * _BINS_PER_UNIT, len(self._runs) - 1))
        return round(float(self._runs[top:].sum()) / (self.frames * self._channels), 6)
