"""Renders phantom faces: an analytic head with relief, painted features, light and camera, in JAX."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import UInt8

from personalize.phantom import paint
from personalize.phantom.features import Layers, folds, layers, nose_height, relief
from personalize.phantom.geometry import Surface, intersect, lift, rotation, step
from personalize.phantom.parameters import Face, View
from personalize.phantom.rig import Rig, rig

CHUNK = 16
"""Faces rendered at once, so that any number of faces needs one compilation per picture size."""


def render(faces: Face, size: int) -> UInt8[np.ndarray, "n size size 3"]:
    """Pictures (RGB) of a batch of faces: every leaf of `faces` has the same leading axis.

    Same faces, same pixels: the sensor's noise comes from `Face.seed`.
    """
    count = len(faces.seed)
    out = np.empty((count, size, size, 3), np.uint8)
    for start in range(0, count, CHUNK):
        index = np.minimum(np.arange(start, start + CHUNK), count - 1)
        chunk = jax.tree.map(lambda leaf, index=index: np.asarray(leaf)[index], faces)
        out[start : start + CHUNK] = np.asarray(_picture(chunk, size))[: count - start]
    return out


def _stage(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles one step of drawing for a batch.

    Steps are separate programs because XLA on CPUs repeats the work that several outputs share inside the loop of
    each: in one program a picture takes about fifteen times as long.
    """

    @partial(jax.jit, static_argnames="size")
    @wraps(draw)
    def run(*batch: Any, size: int) -> Any:
        return jax.vmap(partial(draw, size=size))(*batch)

    return run


class Frame(NamedTuple):
    """Head pose and the shapes of both halves of the face."""

    turn: Array
    """Head to camera coordinates, 3 x 3."""
    left: Rig
    right: Rig

    def shapes(self, x: Array) -> Rig:
        """The shapes that hold at each point `x` left (positive) or right of the midline."""
        side = step(-0.08, 0.08, x)
        return jax.tree.map(lambda a, b: b + (a - b) * side, self.left, self.right)


def _picture(face: Face, size: int) -> Array:
    frame = _pose(face, size=size)
    head = _meet(face, frame, size=size)
    at = _locate(frame, head, size=size)
    fold = _fold(frame, head, at, size=size)
    lit = _light(face, frame, head, _height(frame, head, at, fold, size=size), size=size)
    drawn = _features(face, frame, head, at, size=size)
    covers = _covers(face, frame, head, at, fold, size=size)
    behind = _behind(face, frame, size=size)
    return _develop(face, head, lit, drawn, covers, behind, size=size)


def _grid(view: View, size: int) -> tuple[Array, Array, Array, Array, Array]:
    """Pixel positions in the picture (-1 to 1) and relative to the head, and the size of a pixel in head units."""
    middle = jnp.arange(size) * (2 / size) + (1 / size - 1)
    sx = jnp.broadcast_to(middle[None, :], (size, size))
    sy = jnp.broadcast_to(-middle[:, None], (size, size))
    return sx, sy, (sx - view.x) / view.scale, (sy - view.y) / view.scale, 2 / (size * view.scale)


@_stage
def _pose(face: Face, size: int) -> Frame:
    left, right = (rig(face.looks, face.aus * (1 + sign * face.looks.asymmetry)) for sign in (1, -1))
    return Frame(rotation(face.view), left, right)


@_stage
def _meet(face: Face, frame: Frame, size: int) -> Surface:
    _, _, px, py, pixel = _grid(face.view, size)
    drop = 0.5 * (frame.left.drop + frame.right.drop)
    return intersect(px, py, frame.turn, paint.head_shape(face.looks, drop), pixel)


@_stage
def _locate(frame: Frame, head: Surface, size: int) -> tuple[Array, Array]:
    """Face coordinates of each pixel; the nose hides what lies behind it."""
    return lift(head, nose_height(frame.shapes(head.x), jnp.abs(head.x), head.y))


@_stage
def _fold(frame: Frame, head: Surface, at: tuple[Array, Array], size: int) -> Array:
    return folds(frame.shapes(head.x), jnp.abs(at[0]), at[1])


@_stage
def _height(frame: Frame, head: Surface, at: tuple[Array, Array], fold: Array, size: int) -> Array:
    shapes, x = frame.shapes(head.x), jnp.abs(at[0])
    return nose_height(shapes, x, at[1]) + relief(shapes, x, at[1]) - 0.012 * fold


@_stage
def _light(face: Face, frame: Frame, head: Surface, height: Array, size: int) -> paint.Lit:
    pixel = 2 / (size * face.view.scale)
    return paint.lighting(face.scene, paint.relief_normal(head, frame.turn, height, pixel))


@_stage
def _features(face: Face, frame: Frame, head: Surface, at: tuple[Array, Array], size: int) -> Layers:
    u, v = at
    gaze = (face.view.gaze_x * jnp.sign(u), face.view.gaze_y)
    return layers(face.looks, frame.shapes(head.x), jnp.abs(u), v, gaze, 2.4 / (size * face.view.scale))


@_stage
def _covers(face: Face, frame: Frame, head: Surface, at: tuple[Array, Array], fold: Array, size: int) -> paint.Covers:
    _, _, px, py, pixel = _grid(face.view, size)
    shapes = frame.shapes(head.x)
    return paint.covers(face, shapes, head, at, fold, (px, py, pixel), frame.turn)


@_stage
def _behind(face: Face, frame: Frame, size: int) -> paint.Color:
    sx, sy, px, py, _ = _grid(face.view, size)
    return paint.behind(face, (sx, sy), (px, py), frame.turn)


@_stage
def _develop(
    face: Face,
    head: Surface,
    lit: paint.Lit,
    drawn: Layers,
    covers: paint.Covers,
    behind: paint.Color,
    size: int,
) -> Array:
    skin = paint.head_color(face, lit, drawn, covers)
    return paint.develop(paint.compose(face.looks, behind, covers, skin, head.cover), covers.noise, face.scene)
