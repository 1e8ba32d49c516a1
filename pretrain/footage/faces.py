"""What a face finder is, and what it finds."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from pretrain.footage.align import Pose, crop_to_frame, warp

VIEW, VIEW_MARGIN = 112, 2.0
"""Pixels of the part of a picture in which a known face is looked for, and its side in widths of the face."""
SAME_PLACE = 0.4
"""Least overlap of a face with where it was thought to be."""


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
    """Of each landmark being where it was put, 0 to 1; also of one that is hidden."""
    seen: Float32[np.ndarray, "68"]
    """Of each landmark being in sight, 0 to 1."""


@runtime_checkable
class FaceFinder(Protocol):
    """Anything that finds faces in a grey picture."""

    def __call__(self, luma: UInt8[np.ndarray, "h w"], known: Sequence[Pose] = ()) -> list[FoundFace]:
        """All faces found, surest first; those that are known already may be left out."""
        ...

    def look(self, luma: UInt8[np.ndarray, "h w"], poses: Sequence[Pose]) -> list[FoundFace | None]:
        """The faces that are known to be about at these poses; None for each that is not there (any more)."""
        ...


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1, ...)."""
    common = _common(a, b)
    return common / (_area(a) + _area(b) - common)


def held(a: Sequence[float], b: Sequence[float]) -> float:
    """Share of the smaller of two boxes that lies in the other."""
    return _common(a, b) / min(_area(a), _area(b))


def _common(a: Sequence[float], b: Sequence[float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def look_by_finding(
    find: Callable[[UInt8[np.ndarray, "h w"]], list[FoundFace]], luma: UInt8[np.ndarray, "h w"], pose: Pose
) -> FoundFace | None:
    """`FaceFinder.look` for a finder that can only find: shows it an upright view of where the face should be."""
    matrix = crop_to_frame(pose, VIEW, VIEW_MARGIN)
    expected = Pose(VIEW / 2, VIEW / 2, VIEW / VIEW_MARGIN)
    faces = find(warp(luma, matrix, VIEW))
    face = max(faces, key=lambda f: overlap(f.box, expected.box), default=None)
    if face is None or overlap(face.box, expected.box) < SAME_PLACE:
        return None
    landmarks, points = (cv2.transform(p[None], matrix)[0].astype(np.float32) for p in (face.landmarks, face.points))
    middle = np.array([face.box[0] + face.box[2] - 1, face.box[1] + face.box[3] - 1]) / 2
    (x, y), scale = matrix[:, :2] @ middle + matrix[:, 2] + 0.5, pose.size * VIEW_MARGIN / VIEW
    half = scale * (face.box[2] - face.box[0]) / 2
    box = Box(float(x - half), float(y - half), float(x + half), float(y + half))
    return FoundFace(box, face.score, landmarks, points, face.confidence, face.seen)
