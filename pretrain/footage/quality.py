"""Is a crop fit for use? Numbers per crop, and what each must be."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from pretrain.clips.dataset import QUALITY
from pretrain.footage.faces import FoundFace

GREY = 64
"""Side of the grey copy on which quality is computed, so that it depends little on size and margin of the crop."""

MIN_FACE_SIZE = 24.0
"""Width of the face in source pixels."""
MIN_SHARPNESS = 25.0
"""Variance of the Laplacian of the grey copy after its contrast was brought to a standard deviation of 40."""
ROUNDING = 20 / 12
"""What the Laplacian of whole numbers varies by rounding alone (variance 1/12, kernel weights squared sum to 20)."""
MIN_BRIGHTNESS = 20.0
"""Mean luma, 0-255."""
MAX_YAW = 60.0
"""Degrees of yaw; beyond, half of the face is out of sight."""
INNER = slice(17, 68)
"""Landmarks other than the jaw's, which a turned head hides by itself."""


def judge(grey: UInt8[np.ndarray, "s s"]) -> tuple[float, float]:
    """Sharpness and brightness of a crop."""
    laplacian = cv2.Laplacian(grey, cv2.CV_16S)
    _, deviation = cv2.meanStdDev(laplacian)
    return float(deviation[0, 0]) ** 2, cv2.mean(grey)[0]


def certainty(face: FoundFace) -> tuple[float, float]:
    """Mean confidence of the landmarks, and the share of the inner ones that are not in sight."""
    return float(face.confidence.mean()), float((face.seen[INNER] < 0.5).mean())


def fault(quality: Float32[np.ndarray, "q"], contrast: float) -> str | None:
    """Reason to drop a crop, or None. `contrast` is the standard deviation of its grey copy."""
    known = dict(zip(QUALITY, quality.tolist(), strict=True))
    if known["face_size"] < MIN_FACE_SIZE:
        return "too_small"
    if known["brightness"] < MIN_BRIGHTNESS:
        return "dark"
    # A dim picture has little variance of anything; blur shows in the share of fine detail.
    detail = max(known["sharpness"] - ROUNDING, 0.0) * (40 / max(contrast, 1.0)) ** 2
    if detail < MIN_SHARPNESS:
        return "blurred"
    return "profile" if abs(known["yaw"]) > MAX_YAW else None
