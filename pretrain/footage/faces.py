"""Face finders: from a grey picture to boxes. Haar is always there; others plug in under a name."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from pretrain.errors import UserError, nearest


class Box(NamedTuple):
    """A face in pixels of the picture that was searched."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float
    """Larger is surer; only comparable within one finder."""


@runtime_checkable
class FaceFinder(Protocol):
    """Anything that finds faces in a grey picture."""

    def __call__(self, luma: UInt8[np.ndarray, "h w"]) -> list[Box]:
        """Square boxes of all faces found, surest first."""
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

    def __call__(self, luma: UInt8[np.ndarray, "h w"]) -> list[Box]:
        """Square boxes of all faces found, surest first."""
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

    def _search(self, luma: UInt8[np.ndarray, "h w"], shrink: float, equalised: bool) -> list[Box]:
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
        boxes = [
            Box(*(float(c) * shrink for c in (x, y, x + w, y + h)), score=float(v))
            for (x, y, w, h), v in zip(found, votes, strict=True)
        ]
        return sorted(boxes, key=lambda b: (-b.score, b))


FINDERS: dict[str, Callable[[], FaceFinder]] = {"haar": HaarFinder}
"""Finder by name; entries are constructors, since finders are built in the worker that uses them."""


def make_finder(name: str) -> FaceFinder:
    """The finder of that name. Raises `UserError` for an unknown one."""
    if name not in FINDERS:
        raise UserError(f"unknown face finder {name!r}{nearest(name, FINDERS)}")
    return FINDERS[name]()
