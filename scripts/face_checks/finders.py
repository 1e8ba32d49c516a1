"""Face finders by name: the package's own, and OpenCV's Haar cascade as the one to beat."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from pretrain.errors import UserError
from pretrain.footage.faces import Box, FaceFinder, FoundFace
from pretrain.footage.finders import WEIGHTED, make_finder


def finder_of(name: str, weights: Path | None) -> FaceFinder:
    """The finder of that name; `weights` is the folder of those that need one."""
    return HaarFinder() if name == "haar" else make_finder(name, weights if name in WEIGHTED else None)


class HaarFinder:
    """OpenCV's frontal cascade on a small copy, which is both faster and less often wrong than on the full picture.

    Boxes only. The cascade's file comes with OpenCV 4, not with 5.
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
        if not hasattr(cv2, "CascadeClassifier"):
            raise UserError(f"OpenCV {cv2.__version__} has no Haar cascades; 4.x has")
        self._cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml"))
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
        return next((faces for attempt in attempts if (faces := self._search(luma, *attempt))), [])

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
            FoundFace(
                Box(*(float(c) * shrink for c in (x, y, x + w, y + h))), float(v), landmarks, points, unsure, unsure
            )
            for (x, y, w, h), v in zip(found, votes, strict=True)
        ]
        return sorted(faces, key=lambda f: (-f.score, f.box))
