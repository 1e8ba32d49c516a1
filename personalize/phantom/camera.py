"""How a recording is taken: light, camera, clothes, background and where the head is in the picture."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from personalize.phantom.parameters import Scene


class Camera(NamedTuple):
    """One recording's set-up; angles in radians, places as in `View`."""

    scene: Scene
    yaw: float
    pitch: float
    roll: float
    x: float
    y: float
    scale: float


def sample_camera(rng: np.random.Generator, skin: Float[np.ndarray, "3"]) -> Camera:
    """A camera about in front of a sitting person of this skin, in ordinary rooms from dim to bright.

    Exposure follows the face in part, as cameras do that meter on faces.
    """
    luma = float(skin**2 @ np.array([0.3, 0.59, 0.11]))
    warmth = rng.uniform(-1, 1)
    room = rng.uniform(0.15, 0.75) + rng.uniform(-0.15, 0.15, (5, 5, 1)) + rng.uniform(-0.08, 0.08, (5, 5, 3))
    scene = Scene(
        light=np.array([rng.uniform(-0.9, 0.9), rng.uniform(0.1, 0.9), 1.0], np.float32),
        light_color=np.array([1.0, 0.97 - 0.04 * warmth, 0.93 - 0.14 * warmth], np.float32),
        ambient=np.float32(rng.uniform(0.35, 0.6)),
        exposure=np.float32(np.clip((0.30 / luma) ** 0.45, 0.85, 2) * np.exp(rng.uniform(-0.30, 0.25))),
        noise=np.float32(rng.uniform(0.003, 0.015)),
        shirt=rng.uniform(0.1, 0.85, 3).astype(np.float32),
        background=np.clip(room, 0.02, 0.98).astype(np.float32),
    )
    yaw, pitch, roll = np.radians(rng.normal(0, (6, 4, 2)))
    x, y = rng.normal(0, (0.04, 0.03))
    return Camera(scene, yaw, pitch, roll, x, y + 0.02, rng.uniform(0.68, 0.78))
