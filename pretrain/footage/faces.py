"""What a face finder is, and what it finds."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8


class Box(NamedTuple):
    """An upright rectangle in pixels of the picture; the picture's upper left corner is (0, 0)."""

    x0: float
    y0: float
    x1: float
    y1: float


class FoundFace(NamedTuple):
    """A face in a picture. Points are (x, y) with the centre of the upper left pixel at (0, 0)."""

    box: Box
    """Square, from the upper forehead to the chin."""
    score: float
    """Larger is surer; only comparable within one finder."""
    landmarks: Float32[np.ndarray, "68 2"]
    """In the order of iBUG 300-W."""
    points: Float32[np.ndarray, "5 2"]
    """Pupils (of a closed eye: the middle of the lid line), tip of the nose, corners of the mouth; what is on the left
    of the picture comes first."""
    confidence: Float32[np.ndarray, "68"]
    """Of each landmark, 0 to 1."""


@runtime_checkable
class FaceFinder(Protocol):
    """Anything that finds faces in a grey picture."""

    def __call__(self, luma: UInt8[np.ndarray, "h w"]) -> list[FoundFace]:
        """All faces found, surest first."""
        ...
