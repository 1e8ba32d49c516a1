"""Face finders by name. Our own nets are always there; others plug in."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from pretrain.errors import UserError, nearest
from pretrain.footage.face_nets.find import NetFinder
from pretrain.footage.faces import FaceFinder, FoundFace
from pretrain.footage.fan import face_alignment_finder

FINDERS: dict[str, Callable[..., FaceFinder]] = {"nets": cache(NetFinder), "face-alignment": face_alignment_finder}
"""Constructors, since finders are built in the worker that uses them; the nets once per process, for compiling takes
longer than finding."""
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


def find_faces(rgb: UInt8[np.ndarray, "h w 3"]) -> list[FoundFace]:
    """All faces in a colour picture, surest first, by the nets that come with this package.

    Works on a picture of any size and shape; colours are not used. Raises `ValueError` for anything but an array of
    type uint8 and shape [h, w, 3] with at least one pixel.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise ValueError(f"find_faces takes uint8[h, w, 3], not {rgb.dtype}{list(rgb.shape)}")
    return FINDERS["nets"]()(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
