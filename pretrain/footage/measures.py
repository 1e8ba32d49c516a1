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

_LID_GAPS = ([41, 40, 47, 46], [37, 38, 43, 44])
_EYE_CORNERS, _BROWS, _INNER_BROWS = [36, 39, 42, 45], list(range(17, 27)), (21, 22)
_NOSE_BASE, _UNDER_NOSE = [31, 33, 35], 33
_LIP_GAPS = ([67, 66, 65], [61, 62, 63])
_UPPER_LIP, _LOWER_LIP, _LIP_CORNERS = 51, 57, [48, 54]
_INNER = slice(17, 68)


def measure(landmarks: Float32[np.ndarray, "n 68 2"], times: Float[np.ndarray, "n"]) -> Float32[np.ndarray, "n m"]:
    """Columns are `MEASURES`, larger for more open, higher, wider, livelier.

    `landmarks` are those of successive crops, in widths of the face box, and so are the distances: gap between the
    lids; height of the brows over the corners of the eyes; gap between the brows; length of the nose from the eyes to
    its base; height of the upper lip towards the nose (0 would be at it); gap between the lips; their thickness;
    distance of their corners; height of these over the middle of the lips. Last, the mean speed of the inner landmarks
    against the rigid ones, in widths a second, NaN for the first crop and after gaps.
    """
    x, y = landmarks[..., 0], landmarks[..., 1]
    eyes, mouth = y[:, _EYE_CORNERS].mean(1), (y[:, _LIP_GAPS[0]] - y[:, _LIP_GAPS[1]]).mean(1)
    values = (
        (y[:, _LID_GAPS[0]] - y[:, _LID_GAPS[1]]).mean(1),
        eyes - y[:, _BROWS].mean(1),
        x[:, _INNER_BROWS[1]] - x[:, _INNER_BROWS[0]],
        y[:, _NOSE_BASE].mean(1) - eyes,
        y[:, _UNDER_NOSE] - y[:, _UPPER_LIP],
        mouth,
        y[:, _LOWER_LIP] - y[:, _UPPER_LIP] - mouth,
        x[:, _LIP_CORNERS[1]] - x[:, _LIP_CORNERS[0]],
        y[:, [_UPPER_LIP, _LOWER_LIP]].mean(1) - y[:, _LIP_CORNERS].mean(1),
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
