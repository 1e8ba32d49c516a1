"""A picture at several sizes, laid out on one canvas, so that the detector sees all of them in one call."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

GAP = 16
"""Pixels between the sizes."""
UNIT = 32
"""Sides of canvases are multiples of this, so that pictures of any size need few compilations."""


class Tile(NamedTuple):
    """One size of the picture on the canvas."""

    x: int
    y: int
    width: int
    height: int
    scale: float
    """Pixels of the picture per pixel of the tile."""


def canvas(luma: UInt8[np.ndarray, "h w"], longest: int, levels: int) -> tuple[UInt8[np.ndarray, "hh ww"], list[Tile]]:
    """The picture with its longest side shrunk to `longest` if it is longer, then halved again and again.

    The first size lies in the upper left corner, the others along its longer side. What lies outside of them is grey.
    """
    tall = luma.shape[0] > luma.shape[1]
    picture = luma.T if tall else luma
    height, width = picture.shape
    scale = max(1.0, width / longest)
    sizes = [(max(8, round(width / scale / 2**k)), max(8, round(height / scale / 2**k))) for k in range(levels)]
    side = -(-max(sizes[0][0], sum(w + GAP for w, _ in sizes[1:])) // UNIT) * UNIT
    reach = sizes[0][1] + (GAP + sizes[1][1] if levels > 1 else 0)
    out = np.full((-(-reach // UNIT) * UNIT, side), 128, np.uint8)
    tiles, x, y = [], 0, 0
    for w, h in sizes:
        picture = (
            picture
            if picture.shape == (h, w)
            else cv2.resize(np.ascontiguousarray(picture), (w, h), interpolation=cv2.INTER_AREA)
        )
        out[y : y + h, x : x + w] = picture
        tiles.append(Tile(x, y, w, h, width / w))
        x, y = (x + w + GAP, y) if len(tiles) > 1 else (0, h + GAP)
    if tall:
        return np.ascontiguousarray(out.T), [Tile(t.y, t.x, t.height, t.width, t.scale) for t in tiles]
    return out, tiles
