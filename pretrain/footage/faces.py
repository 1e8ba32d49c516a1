"""Face finders: from a grey picture to boxes. Haar is always there; others plug in under a name."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from pretrain.errors import UserError, nearest


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


class HaarFinder:
    """OpenCV's frontal cascade on a small copy, which is both faster and less often wrong than on the full picture.

    The cascade's file comes with OpenCV 4; no download. Its boxes reach from the upper forehead to the chin.
    """

    WIDTHS = (320, 640)
    """Wider pictures are shrunk to the first width and, if that shows no face at all, to the second."""
    SMALL = 200
    """Narrower pictures in which no face was found are searched once more, enlarged by half."""
    CLIP_LIMIT = 4.0
    """Of the contrast equalisation with which a picture without a face is searched again: without it the cascade
    misses dark skin in dim light much more often than light skin."""
    SCALE_FACTOR = 1.2
    NEIGHBOURS = 4
    """Overlapping hits needed."""
    SMALLEST = 20
    """Smallest face in pixels of the small copy."""

    def __init__(self) -> None:
        name = Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml"  # type: ignore[attr-defined]
        self._cascade = cv2.CascadeClassifier(str(name))
        self._equalise = cv2.createCLAHE(self.CLIP_LIMIT, (4, 4))

    def __call__(self, luma: UInt8[np.ndarray, "h w"]) -> list[FoundFace]:
        """All faces found, surest first."""
        width = luma.shape[1]
        shrink = max(1.0, width / self.WIDTHS[0])
        attempts = [(shrink, False), (shrink, True)]
        if width < self.SMALL:
            attempts.append((2 / 3, True))
        if width > self.WIDTHS[0]:
            attempts.append((max(1.0, width / self.WIDTHS[1]), False))
        for factor, equalised in attempts:
            boxes = self._search(luma, factor, equalised)
            if boxes:
                return boxes
        return []

    def _search(self, luma: UInt8[np.ndarray, "h w"], shrink: float, equalised: bool) -> list[FoundFace]:
        size = (max(1, round(luma.shape[1] / shrink)), max(1, round(luma.shape[0] / shrink)))
        filter = cv2.INTER_AREA if shrink > 1 else cv2.INTER_LINEAR
        small = luma if shrink == 1 else cv2.resize(luma, size, interpolation=filter)
        small = self._equalise.apply(small) if equalised else small
        found, votes = self._cascade.detectMultiScale2(
            small,
            scaleFactor=self.SCALE_FACTOR,
            minNeighbors=self.NEIGHBOURS,
            minSize=(self.SMALLEST, self.SMALLEST),
        )
        landmarks, points = (np.full((n, 2), np.nan, np.float32) for n in (68, 5))
        unsure = np.zeros(68, np.float32)
        faces = [
            FoundFace(Box(*(float(c) * shrink for c in (x, y, x + w, y + h))), float(v), landmarks, points, unsure)
            for (x, y, w, h), v in zip(found, votes, strict=True)
        ]
        return sorted(faces, key=lambda f: (-f.score, f.box))


def _face_alignment(weights: Path) -> FaceFinder:
    from pretrain.footage.fan import face_alignment_finder  # it imports from here

    return face_alignment_finder(weights)


FINDERS: dict[str, Callable[..., FaceFinder]] = {"haar": HaarFinder, "face-alignment": _face_alignment}
"""Finder by name; entries are constructors, since finders are built in the worker that uses them."""
WEIGHTED = ("face-alignment",)
"""Those of which the constructor takes the folder of weights that the user brings."""


def make_finder(name: str, weights: Path | None = None) -> FaceFinder:
    """The finder of that name, with the folder of weights if it is one of `WEIGHTED`.

    Raises `UserError` for an unknown one, and for weights that are missing or not wanted.
    """
    if name not in FINDERS:
        raise UserError(f"unknown face finder {name!r}{nearest(name, FINDERS)}")
    if name in WEIGHTED:
        if weights is None:
            raise UserError(f"face finder {name!r} needs --face-weights FOLDER")
        return FINDERS[name](weights)
    if weights is not None:
        raise UserError(f"--face-weights {weights}: face finder {name!r} takes none; only {', '.join(WEIGHTED)} does")
    return FINDERS[name]()
