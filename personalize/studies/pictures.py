"""Pictures without the face: what light, pose and camera alone tell."""

import cv2
import numpy as np
from jaxtyping import UInt8

FACE = (0.36, 0.46)
"""Half axes of the ellipse that covers a face in its crop, in shares of the side."""


def without_face(pool: UInt8[np.ndarray, "n h w *c"]) -> UInt8[np.ndarray, "n h w *c"]:
    """Crops whose middle is covered by an ellipse of zeros."""
    height, width = pool.shape[1:3]
    mask = np.ones((height, width), np.uint8)
    axes = (round(FACE[0] * width), round(FACE[1] * height))
    cv2.ellipse(mask, (width // 2, height // 2), axes, 0, 0, 360, 0, -1)
    return pool * mask.reshape(height, width, *[1] * (pool.ndim - 3))
