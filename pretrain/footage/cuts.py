"""Where a film was cut."""

import cv2
import numpy as np
from jaxtyping import UInt8

CUT_DIFFERENCE = 18.0
"""Mean absolute grey difference of consecutive small pictures that is a cut, if also `CUT_RATIO` times the usual."""
CUT_RATIO = 4.0

_ROWS, _COLUMNS = 18, 32


class CutTest:
    """Says whether a frame begins a new shot: it differs from the last one, and more than frames lately did."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._shape: tuple[int, ...] = ()
        self._usual = 0.0

    def __call__(self, luma: UInt8[np.ndarray, "h w"]) -> bool:
        """Takes the next frame."""
        # A few samples of each cell do: reading all of a large picture would take as long as following its faces.
        step = max(1, min(luma.shape[0] // (4 * _ROWS), luma.shape[1] // (4 * _COLUMNS)))
        small = cv2.resize(luma[::step, ::step], (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
        last, shape = self._last, self._shape
        self._last, self._shape = small, luma.shape
        if last is None:
            return False
        difference = cv2.norm(small, last, cv2.NORM_L1) / small.size
        cut = shape != luma.shape or difference > max(CUT_DIFFERENCE, CUT_RATIO * self._usual)
        self._usual = 0.0 if cut else 0.8 * self._usual + 0.2 * difference
        return cut
