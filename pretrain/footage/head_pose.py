"""How a head is turned and how large it is, from landmarks that no expression moves.

A rigid shape seen from afar (scaled orthography) is laid over the landmarks by least squares. Unlike the distance
between the pupils, its size does not shrink when a head turns, and unlike the mouth's corners its points stay where
they are when a face moves, so crops that follow it keep expressions in and head turns out.
"""

import cmath
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex128, Float, Float64

from pretrain.footage.align import Pose

RIGID = (36, 39, 42, 45, 27, 28, 29, 30, 31, 33, 35)
"""Of the 68 landmarks: corners of the eyes, bridge of the nose, its tip, wings and base."""
SHAPE = np.array(
    [
        *([-0.273, -0.136, 0.420], [-0.089, -0.121, 0.535], [0.089, -0.121, 0.535], [0.273, -0.136, 0.420]),
        *([0.000, -0.131, 0.579], [0.000, -0.046, 0.593], [0.000, 0.043, 0.604], [0.000, 0.127, 0.595]),
        *([-0.067, 0.143, 0.543], [0.000, 0.176, 0.513], [0.067, 0.143, 0.543]),
    ]
)
"""Where `RIGID` are on the average of 40 phantoms at rest: right, down and towards the camera from the centre of the
face box, in its widths. The centre is taken at the depth `FRONT`."""
FRONT = 0.5
"""Depth of the centre of the box from the axis of the head's turns."""
NOISE, SPREAD = 0.03, 0.7
"""Assumed error of a landmark in widths of the box, and spread of yaw and pitch in radians: what little the landmarks
of a dim face say of its turn is not believed."""
ROUNDS = 2

_ONES = np.ones(len(RIGID))
_TURNS = np.diag([1.0, 1, 0, 0, 0, 0])
_CENTRE = np.array([[0.0, 0.0, FRONT]])


class HeadPose(NamedTuple):
    """A face's place in the picture and the turn of its head."""

    pose: Pose
    """Centre, size and roll of the box as of the same head seen from the front."""
    yaw: float
    """Radians; positive turns the nose to the right of the picture."""
    pitch: float
    """Radians; positive looks up."""


def head_pose(landmarks: Float[np.ndarray, "68 2"]) -> HeadPose:
    """Pose of the head with these landmarks, by Gauss-Newton from the front.

    Pixel centres are integers, as in `FoundFace`.
    """
    plane = landmarks[list(RIGID)].astype(float) @ (1, 1j)
    yaw, pitch = 0.0, 0.0
    for _ in range(ROUNDS):
        seen, by_yaw, by_pitch = _project(SHAPE, yaw, pitch)
        scale, shift = _similarity(seen, plane)
        rows = np.stack([scale * by_yaw, scale * by_pitch, seen, 1j * seen, _ONES, 1j * _ONES])
        wrong = plane - scale * seen - shift
        prior = (NOISE * abs(scale) / SPREAD) ** 2
        normal = (rows @ rows.conj().T).real + prior * _TURNS
        slope = (rows.conj() @ wrong).real - prior * np.array([yaw, pitch, 0, 0, 0, 0])
        step = np.linalg.solve(normal, slope)
        yaw, pitch = min(max(yaw + step[0], -1.4), 1.4), min(max(pitch + step[1], -1.4), 1.4)
    seen, *_ = _project(SHAPE, yaw, pitch)
    scale, shift = _similarity(seen, plane)
    centre = shift + scale * complex(_project(_CENTRE, yaw, pitch)[0][0]) + (0.5 + 0.5j)
    pose = Pose(centre.real, centre.imag, abs(scale), cmath.phase(scale))
    return HeadPose(pose, float(yaw), float(pitch))


def _project(
    shape: Float64[np.ndarray, "n 3"], yaw: float, pitch: float
) -> tuple[Complex128[np.ndarray, "n"], Complex128[np.ndarray, "n"], Complex128[np.ndarray, "n"]]:
    """Points of a turned shape as right + i down, and their changes with yaw and pitch."""
    x, y, z = shape.T
    (cy, sy), (cp, sp) = ((math.cos(angle), math.sin(angle)) for angle in (yaw, pitch))
    right, front = x * cy + z * sy, z * cy - x * sy
    seen = right + 1j * (y * cp - front * sp)
    return seen, front + 1j * sp * right, -1j * (y * sp + front * cp)


def _similarity(start: Complex128[np.ndarray, "n"], end: Complex128[np.ndarray, "n"]) -> tuple[complex, complex]:
    """a, b of the a z + b that brings one set of points nearest to another."""
    middle, target = start.sum() / len(start), end.sum() / len(end)
    about = start - middle
    a = complex(np.vdot(about, end) / np.vdot(about, about).real)  # `about` sums to 0, so that `end` need not
    return a, complex(target - a * middle)
