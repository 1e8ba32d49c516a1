"""Phantom faces in known poses, for tests of the renderer and of its annotations."""

import jax
import numpy as np

from personalize.phantom.face.camera import NO_COVERS, glints, sample_camera
from personalize.phantom.face.looks import sample_looks
from personalize.phantom.face.parameters import INDEX, MUSCLES, Covers, Face, Scene, View

SCALE = 0.74
SCENE = Scene(
    light=np.float32([0.2, 0.4, 1]),
    light_color=np.float32([1, 1, 1]),
    ambient=np.float32(0.5),
    exposure=np.float32(1),
    noise=np.float32(0),
    blur=np.float32(0),
    glints=glints(np.float32([0.2, 0.4, 1])),
    shirt=np.float32([0.2, 0.3, 0.5]),
    background=np.full((5, 5, 3), 0.4, np.float32),
)


def stack(faces: list[Face]) -> Face:
    """Single faces as a batch."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *faces)


def row(**muscles: float) -> np.ndarray:
    """`MUSCLES` with all but the named ones at rest."""
    out = np.zeros(len(MUSCLES), np.float32)
    for name, value in muscles.items():
        out[INDEX[name]] = value
    return out


def plain(
    muscles: np.ndarray | None = None, looks: dict | None = None, covers: dict | None = None, **view: float
) -> Face:
    """The average person, straight ahead, without noise."""
    base = sample_looks(np.random.default_rng(0), variety=0)[0]._replace(
        age=np.float32(0), glasses=np.float32(0), beard=np.float32(0), texture=np.float32(0)
    )
    base = base._replace(**{k: np.asarray(v, np.float32) for k, v in (looks or {}).items()})
    straight = {**dict.fromkeys(View._fields, 0.0), "scale": SCALE, **view}
    return Face(
        looks=base,
        muscles=row() if muscles is None else np.asarray(muscles, np.float32),
        asymmetry=row(),
        view=View(**{k: np.float32(v) for k, v in straight.items()}),
        scene=SCENE,
        covers=Covers(*(np.float32((covers or {}).get(name, 0)) for name in Covers._fields)),
        seed=np.int32(0),
    )


def portrait(number: int, muscles: np.ndarray | None = None) -> Face:
    """Some person before a camera of their own."""
    looks, _ = sample_looks(np.random.default_rng([5, number]))
    c = sample_camera(np.random.default_rng([5, number, 9]), looks.skin)
    view = View(*map(np.float32, (c.yaw, c.pitch, c.roll, c.x, c.y, c.scale, 0, 0)))
    shown = row() if muscles is None else np.asarray(muscles, np.float32)
    return Face(looks, shown, row(), view, c.scene, NO_COVERS, np.int32(number))


def grey(pictures: np.ndarray) -> np.ndarray:
    """Mean of the channels."""
    return pictures.astype(float).mean(-1)


def box(size: int, left: float, right: float, bottom: float, top: float) -> np.ndarray:
    """Pixels of a rectangle in head units around a head in the middle of the picture."""
    at = (np.arange(size) + 0.5) * 2 / size - 1
    x, y = np.meshgrid(at / SCALE, -at / SCALE)
    return (x > left) & (x < right) & (y > bottom) & (y < top)
