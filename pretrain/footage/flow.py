"""How a face moved from one frame to the next: sparse optical flow and a robust similarity."""

import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Complex128, Float32, UInt8

PATCH = 64
"""Side of the pose-normalised grey patch in which a face is followed."""
PATCH_MARGIN = 1.7
"""Side of the patch in widths of the face box."""

_GRID = 5
_MIN_INLIERS = 0.5
"""Fewer agreeing points and the face counts as lost."""
_TOLERANCE = 1.0
"""Pixels of the patch by which an agreeing point may miss the common motion."""
_LUCAS_KANADE = {
    "winSize": (11, 11),
    "maxLevel": 2,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03),
}


class Similarity(NamedTuple):
    """z -> a z + b on complex pixel coordinates relative to the centre of the patch; |a| is scale, arg a is turn."""

    a: complex
    b: complex


def _grid() -> Float32[np.ndarray, "n 1 2"]:
    reach = PATCH / PATCH_MARGIN * 0.42
    steps = np.linspace(-reach, reach, _GRID) + (PATCH - 1) / 2
    return np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 1, 2).astype(np.float32)


_POINTS = _grid()


def follow_patch(before: UInt8[np.ndarray, "s s"], after: UInt8[np.ndarray, "s s"]) -> Similarity | None:
    """Motion of the face between two patches cut at the same pose; None where too few points agree on one."""
    there, ok, _ = cv2.calcOpticalFlowPyrLK(before, after, _POINTS, None, **_LUCAS_KANADE)  # type: ignore[call-overload]
    good = ok[:, 0] > 0
    if good.sum() < _MIN_INLIERS * len(_START):
        return None
    fit, agreeing = fit_similarity(_START[good], _complex(there[good]))
    return fit if agreeing.sum() >= _MIN_INLIERS * len(_START) else None


def likeness(before: UInt8[np.ndarray, "s s"], after: UInt8[np.ndarray, "s s"], motion: Similarity) -> float:
    """Correlation of the middle of two patches after the motion between them."""
    (ar, ai), (br, bi), c = (motion.a.real, motion.a.imag), (motion.b.real, motion.b.imag), (PATCH - 1) / 2
    # Pixel p of the moved patch is `after` at a (p - c) + b + c, and only those of the middle are made.
    start = PATCH // 4
    matrix = np.array([[ar, -ai, br + c - (ar - ai) * (c - start)], [ai, ar, bi + c - (ar + ai) * (c - start)]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(after, matrix, (PATCH // 2, PATCH // 2), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    a, b = (part.astype(np.float32) for part in (before[start:-start, start:-start], moved))
    a, b = a - cv2.mean(a)[0], b - cv2.mean(b)[0]
    return float(np.vdot(a, b)) / max(math.sqrt(float(np.vdot(a, a)) * float(np.vdot(b, b))), 1e-3)


def _complex(points: Float32[np.ndarray, "n 1 2"]) -> Complex128[np.ndarray, "n"]:
    return points[:, 0] @ (1, 1j) - (PATCH - 1) / 2 * (1 + 1j)


_START = _complex(_POINTS)


def fit_similarity(
    start: Complex128[np.ndarray, "n"], end: Complex128[np.ndarray, "n"], rounds: int = 3
) -> tuple[Similarity, Bool[np.ndarray, "n"]]:
    """Trimmed least squares: fit, keep the points that fit best (at least 60 %), fit again.

    Returns the similarity and which points lie within tolerance of it.
    """
    keep = np.ones(len(start), bool)
    most = int(0.6 * (len(start) - 1))
    a, b = 1 + 0j, 0j
    for _ in range(rounds):
        z, w = start[keep], end[keep]
        zm, wm = z.sum() / len(z), w.sum() / len(w)
        zc = z - zm
        a = complex(np.vdot(zc, w - wm) / max(float(np.vdot(zc, zc).real), 1e-9))
        b = complex(wm - a * zm)
        miss = np.abs(a * start + b - end)
        keep = miss <= max(float(np.partition(miss, most)[most]), 0.1)
    return Similarity(a, b), np.abs(a * start + b - end) < _TOLERANCE
