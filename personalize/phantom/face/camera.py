"""How a recording is taken: light, camera, clothes, background and where the head is in the picture."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from personalize.phantom.face.parameters import Covers, Scene


class Camera(NamedTuple):
    """One recording's set-up; angles in radians, places as in `View`."""

    scene: Scene
    covers: Covers
    flicker: float
    """Relative amplitude of the light's flicker."""
    quality: int
    """Constant rate factor of the video's compression: 18 good to 34 poor."""
    yaw: float
    pitch: float
    roll: float
    x: float
    y: float
    scale: float


CORNEA = 1.3
"""Radius of the cornea's sphere, in radii of the iris."""
NO_COVERS = Covers(*(np.float32(0) for _ in Covers._fields))


def glints(light: Float[np.ndarray, "3"]) -> Float[np.ndarray, "2 4"]:
    """`Scene.glints` of one lamp in this direction: where the cornea faces half way between it and the camera."""
    half = light / np.linalg.norm(light) + np.array([0, 0, 1])
    right, up, _ = CORNEA * half / np.linalg.norm(half)
    return np.array([[right, up, 0.28, 0.9], np.zeros(4)], np.float32)


def sample_camera(rng: np.random.Generator, skin: Float[np.ndarray, "3"], variety: float | int = 1.0) -> Camera:
    """A camera about in front of a sitting person of this skin, in ordinary rooms from dim to bright.

    Exposure follows the face in part, as cameras do that meter on faces. `variety` 0 gives everyone the
    middle of all ranges, whatever the skin or the generator.
    """

    def span(low: float | int, high: float | int) -> float:
        return (low + high) / 2 + variety * (high - low) * (rng.uniform() - 0.5)

    def spans(low: float | int, high: float | int, *shape: int) -> np.ndarray:
        return (low + high) / 2 + variety * (high - low) * (rng.uniform(size=shape) - 0.5)

    def normal(spread: float | int) -> float:
        return variety * spread * float(np.clip(rng.normal(), -2.5, 2.5))

    luma = float(skin**2 @ np.array([0.3, 0.59, 0.11]))
    warmth, dim = span(-1, 1), span(0, 1)
    walls = span(0.15, 0.75) + spans(-0.15, 0.15, 5, 5, 1) + spans(-0.08, 0.08, 5, 5, 3)
    # In dim rooms cameras open up, but not all the way, and gain noise and the blur of longer shutter times.
    metered = 1.2 * (np.clip((0.30 / luma) ** 0.5, 0.85, 2.3) / 1.2) ** variety
    exposure = metered * np.exp(0.25 - 0.60 * dim)
    light = np.array([span(-0.9, 0.9), span(0.1, 0.9), 1.0], np.float32)
    scene = Scene(
        light=light,
        light_color=np.array([1.0, 0.97 - 0.04 * warmth, 0.93 - 0.14 * warmth], np.float32),
        ambient=np.float32(span(0.35, 0.6)),
        exposure=np.float32(exposure),
        noise=np.float32(span(0.002, 0.009) + 0.007 * dim),
        blur=np.float32(max(0.0, span(-0.005, 0.003) + 0.002 * dim)),
        glints=glints(light),
        shirt=spans(0.1, 0.85, 3).astype(np.float32),
        background=np.clip(walls, 0.02, 0.98).astype(np.float32),
    )
    return Camera(
        scene=scene,
        covers=NO_COVERS,
        flicker=max(0.0, span(-0.03, 0.03)),
        quality=round(span(18, 28)),
        yaw=normal(np.radians(6)),
        pitch=normal(np.radians(4)),
        roll=normal(np.radians(2.5)),
        x=normal(0.04),
        y=0.02 + normal(0.03),
        scale=span(0.66, 0.78),
    )
