"""Expression measures that cost no label: what eyes, brows and mouth do, read off the landmarks of a track.

Crops follow the head, steadily, so that distances in a crop need no further account of its size and roll. How well each
measure follows its action units on synthetic faces is tested. Values mean something within a track only, since faces
differ at rest.
"""

import numpy as np
from jaxtyping import Float, Float32, Float64

from pretrain.clips.dataset import MEASURES
from pretrain.footage.head_pose import RIGID

GAP_SECONDS = 0.5
"""Motion energy is not defined across longer gaps."""

_UPPER_LIDS, _LOWER_LIDS = [37, 38, 43, 44], [41, 40, 47, 46]
_EYE_CORNERS, _BROWS = [36, 39, 42, 45], list(range(17, 27))
_UPPER_LIP, _LOWER_LIP = [61, 62, 63], [67, 66, 65]
_LIP_CORNERS = (48, 54)
_INNER = slice(17, 68)


def measure(landmarks: Float32[np.ndarray, "n 68 2"], times: Float[np.ndarray, "n"]) -> Float32[np.ndarray, "n m"]:
    """Columns are `MEASURES`, larger for more open, higher, wider, livelier.

    `landmarks` are those of successive crops, in widths of the face box. Gap between the lids, height of the brows
    over the corners of the eyes, gap between the lips and distance between their corners, in the same unit; and the
    mean speed of the inner landmarks against the rigid ones, in widths a second, NaN for the first crop and after gaps.
    """
    x, y = landmarks[..., 0], landmarks[..., 1]
    values = (
        (y[:, _LOWER_LIDS] - y[:, _UPPER_LIDS]).mean(1),
        y[:, _EYE_CORNERS].mean(1) - y[:, _BROWS].mean(1),
        (y[:, _LOWER_LIP] - y[:, _UPPER_LIP]).mean(1),
        x[:, _LIP_CORNERS[1]] - x[:, _LIP_CORNERS[0]],
        _speed(landmarks, times),
    )
    assert len(values) == len(MEASURES)
    return np.stack(values, axis=1).astype(np.float32)


def _speed(landmarks: Float32[np.ndarray, "n 68 2"], times: Float[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
    pause = np.diff(times, prepend=np.nan)
    steady = (pause > 0) & (pause <= GAP_SECONDS)
    about = landmarks[:, _INNER] - landmarks[:, RIGID].mean(1, keepdims=True)
    moved = np.linalg.norm(np.diff(about, axis=0, prepend=about[:1]), axis=-1).mean(1)
    return np.divide(moved, pause, out=np.full(len(times), np.nan), where=steady)
