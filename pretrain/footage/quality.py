"""Is a crop fit for use? Three numbers per crop and the least that each must be."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

GREY = 64
"""Side of the grey copy on which quality and measures are computed, so that they do not depend on the crop size."""

MIN_FACE_SIZE = 24.0
"""Width of the face in source pixels."""
MIN_SHARPNESS = 25.0
"""Variance of the Laplacian of the grey copy after its contrast was brought to a standard deviation of 40."""
ROUNDING = 20 / 12
"""What the Laplacian of whole numbers varies by rounding alone (variance 1/12, kernel weights squared sum to 20)."""
MIN_BRIGHTNESS = 20.0
"""Mean luma, 0-255."""


def judge(grey: UInt8[np.ndarray, "s s"], face_size: float) -> Float32[np.ndarray, "q"]:
    """Values of `QUALITY` for one crop: sharpness, brightness, face size."""
    sharpness = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return np.array([sharpness, float(grey.mean()), face_size], np.float32)


def fault(quality: Float32[np.ndarray, "q"], contrast: float) -> str | None:
    """Reason to drop a crop, or None. `contrast` is the standard deviation of its grey copy."""
    sharpness, brightness, face_size = (float(v) for v in quality)
    if face_size < MIN_FACE_SIZE:
        return "too_small"
    if brightness < MIN_BRIGHTNESS:
        return "dark"
    # A dim picture has little variance of anything; blur shows in the share of fine detail.
    detail = max(sharpness - ROUNDING, 0.0) * (40 / max(contrast, 1.0)) ** 2
    return "blurred" if detail < MIN_SHARPNESS else None
