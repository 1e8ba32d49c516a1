"""Faces warped to one mean shape, as system 36 sees them: where everybody's features are is taken out of the picture.

Source: Rezaei et al., IEEE J Biomed Health Inform 25 (2021) 1450-1462; the steps and their numbers are `[code]`: a
similarity transform by three landmarks, a piecewise-affine warp of 39 anchors to the mean shape, its bounding box,
padded to a square and resized to 160 pixels, grey, histogram equalisation with limited contrast (CLAHE). The inside of
eyes and mouth has no anchors, so that what lids and lips do stays in the picture.

All steps before the grey ones map triangles to triangles, so that they are one map here and a crop is sampled once; the
similarity transform cancels out in it. Their film of 320 pixels' width is not needed: a crop lies around the face.

The mean shape is our own, in `mean_shape.txt` (x and y of the 68 landmarks): the landmarks of 400 phantoms
(`sample_looks` of the generators [36, 0] to [36, 399]) that look straight ahead with all muscles at rest, each brought
to (110, 71), (210, 71), (160, 170) by the similarity transform of least squares of its landmarks 36, 45 and 57 (outer
corners of the eyes, lower lip), and averaged.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy.sparse import csr_array
from scipy.spatial import Delaunay

ANCHORS = np.array([*range(31), 36, 39, 42, 45, 48, 51, 54, 57])
"""Landmarks that the warp moves: jaw, brows, ridge of the nose, corners of the eyes, ends and middles of the mouth."""
SIDE = 160
"""Pixels of the result."""
CONTRAST, TILES = 2.0, (8, 8)
"""Limit of the equalisation, and in how many parts of the picture it is done."""


class _Warp(NamedTuple):
    """Where the pixels of the result lie in the mean shape."""

    weights: csr_array
    """Times the landmarks of a face: where in its crop each pixel is taken from, row by row."""
    inside: Bool[np.ndarray, "side side"]
    """Is in a triangle of anchors."""


@cache
def mean_shape() -> Float[np.ndarray, "68 2"]:
    """Where the landmarks come to lie in the result, (x, y); the anchors fill it in one direction."""
    shape = np.loadtxt(Path(__file__).with_name("mean_shape.txt"))
    low, high = shape[ANCHORS].min(axis=0), shape[ANCHORS].max(axis=0)
    return (shape - (low + high) / 2) * SIDE / (high - low).max() + (SIDE - 1) / 2


@cache
def _warp() -> _Warp:
    triangles = Delaunay(mean_shape()[ANCHORS])
    row, column = np.indices((SIDE, SIDE))
    pixels = np.stack([column.ravel(), row.ravel()], axis=1).astype(float)
    triangle = triangles.find_simplex(pixels)  # -1 where there is none
    to_weights, last = np.split(triangles.transform[triangle], [2], axis=1)
    two = np.einsum("pij,pj->pi", to_weights, pixels - last[:, 0])
    three = np.column_stack([two, 1 - two.sum(axis=1)])
    corners = ANCHORS[triangles.simplices[triangle]]
    ends = np.arange(0, three.size + 1, 3)
    weights = csr_array((three.ravel(), corners.ravel(), ends), shape=(len(pixels), 68))
    return _Warp(weights, (triangle >= 0).reshape(SIDE, SIDE))


def to_mean_shape(crop: UInt8[np.ndarray, "h w 3"], landmarks: Float[np.ndarray, "68 2"]) -> UInt8[np.ndarray, "s s"]:
    """The face of an RGB crop in the mean shape, grey, equalised; `SIDE` pixels each way.

    Outside the face it is black, before the equalisation lifts it a little. Where landmarks lie beyond the crop, its
    border is repeated.
    """
    warp = _warp()
    at = np.asarray(warp.weights @ landmarks, np.float32).reshape(SIDE, SIDE, 2)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    face = cv2.remap(grey, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(cv2.createCLAHE(CONTRAST, TILES).apply(np.where(warp.inside, face, 0).astype(np.uint8)))
