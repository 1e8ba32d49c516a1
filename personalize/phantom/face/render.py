"""Renders phantom faces: an analytic head with relief, painted features, light and camera, in JAX."""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import UInt8

from personalize.phantom.face import covers, hair, paint, scenery
from personalize.phantom.face.color import Color, mix
from personalize.phantom.face.features import Layers, layers
from personalize.phantom.face.geometry import (
    Rays,
    Skull,
    Surface,
    first_height,
    lift,
    meeting,
    rays,
    rotation,
    step,
    surface,
)
from personalize.phantom.face.hair import Worn
from personalize.phantom.face.parameters import Face, View, lip_parting
from personalize.phantom.face.relief import folds, nose_height, relief
from personalize.phantom.face.rig import Rig, rig

CHUNK = 16
"""Faces rendered at once, so that any number of faces needs one compilation per picture size."""


def render(faces: Face, size: int) -> UInt8[np.ndarray, "n size size 3"]:
    """Pictures (RGB) of a batch of faces: every leaf of `faces` has the same leading axis.

    Same faces, same pixels: the sensor's noise comes from `Face.seed`.
    """
    out = np.empty((len(faces.seed), size, size, 3), np.uint8)
    for start, chunk in zip(range(0, len(out), CHUNK), chunks(faces), strict=True):
        out[start : start + CHUNK] = np.asarray(_picture(chunk, size))[: len(out) - start]
    return out


def chunks(faces: Face) -> Iterator[Face]:
    """Batches of `CHUNK` faces; the last one repeats its last face."""
    count = len(faces.seed)
    for start in range(0, count, CHUNK):
        index = np.minimum(np.arange(start, start + CHUNK), count - 1)
        yield jax.tree.map(lambda leaf, index=index: np.asarray(leaf)[index], faces)


def stage(draw: Callable[..., Any]) -> Callable[..., Any]:
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
    """Covers and blur cost nothing where no face of the chunk has any, and change nothing where a face has none."""
    frame = pose(face, size=size)
    head = meet(face, frame, size)
    at = locate(frame, head, size=size)
    fold = _fold(frame, head, at, size=size)
    lit = _light(face, frame, head, _height(frame, head, at, fold, size=size), size=size)
    drawn = _features(face, frame, head, at, size=size)
    skin = _skin(face, frame, head, at, fold, size=size)
    worn = wear(face, frame, head, size)
    behind = _room(face, size=size)
    if np.any(face.covers.pillow):
        behind = _pillow(face, frame, head, at, behind, size=size)
    behind = _dress(face, behind, _body(face, frame, size=size), size=size)
    color = _compose(face, head, behind, _head(face, lit, drawn, skin, worn, size=size), worn, size=size)
    if np.any(np.stack(face.covers[:5])):
        color = _cover(face, frame, head, at, color, size=size)
    if np.any(face.scene.blur):
        color = _blur(face, color, size=size)
    return _develop(face, color, size=size)


def _grid(view: View, size: int) -> tuple[Array, Array, Array, Array, Array]:
    """Pixel positions in the picture (-1 to 1) and relative to the head, and the size of a pixel in head units."""
    middle = jnp.arange(size) * (2 / size) + (1 / size - 1)
    sx = jnp.broadcast_to(middle[None, :], (size, size))
    sy = jnp.broadcast_to(-middle[:, None], (size, size))
    return sx, sy, (sx - view.x) / view.scale, (sy - view.y) / view.scale, 2 / (size * view.scale)


@stage
def pose(face: Face, size: int) -> Frame:
    """Head pose and shapes of the faces of a chunk."""
    apart = lip_parting(face.muscles)
    left, right = (rig(face.looks, face.muscles * (1 + sign * face.asymmetry), apart) for sign in (1, -1))
    return Frame(rotation(face.view), left, right)


def meet(face: Face, frame: Frame, size: int) -> Surface:
    """What each pixel shows of the heads of a chunk."""
    height = _first_height(face, frame, size=size)
    return _surface(face, frame, height, _meeting(face, frame, height, size=size), size=size)


def _rays(face: Face, frame: Frame, size: int) -> tuple[Rays, Skull]:
    _, _, px, py, _ = _grid(face.view, size)
    return rays(px, py, frame.turn), skull_of(face, frame)


def skull_of(face: Face, frame: Frame) -> Skull:
    """Proportions of one head at its expression."""
    return paint.skull(face.looks, 0.5 * (frame.left.drop + frame.right.drop))


@stage
def _first_height(face: Face, frame: Frame, size: int) -> Array:
    return first_height(*_rays(face, frame, size))


@stage
def _meeting(face: Face, frame: Frame, height: Array, size: int) -> tuple[Array, Array, Array]:
    through, skull = _rays(face, frame, size)
    return meeting(through, height, skull)


@stage
def _surface(face: Face, frame: Frame, height: Array, met: tuple[Array, Array, Array], size: int) -> Surface:
    through, skull = _rays(face, frame, size)
    return surface(through, height, met, skull, 2 / (size * face.view.scale))


@stage
def locate(frame: Frame, head: Surface, size: int) -> tuple[Array, Array]:
    """Face coordinates of each pixel; the nose hides what lies behind it."""
    return lift(head, nose_height(frame.shapes(head.x), jnp.abs(head.x), head.y))


@stage
def _fold(frame: Frame, head: Surface, at: tuple[Array, Array], size: int) -> Array:
    return folds(frame.shapes(head.x), jnp.abs(at[0]), at[1])


@stage
def _height(frame: Frame, head: Surface, at: tuple[Array, Array], fold: Array, size: int) -> Array:
    shapes, x = frame.shapes(head.x), jnp.abs(at[0])
    return nose_height(shapes, x, at[1]) + relief(shapes, x, at[1]) - 0.012 * fold


@stage
def _light(face: Face, frame: Frame, head: Surface, height: Array, size: int) -> paint.Lit:
    pixel = 2 / (size * face.view.scale)
    return paint.lighting(face.scene, paint.relief_normal(head, frame.turn, height, pixel))


@stage
def _features(face: Face, frame: Frame, head: Surface, at: tuple[Array, Array], size: int) -> Layers:
    u, v = at
    out = jnp.sign(u)
    gaze = (face.view.gaze_x * out - face.view.vergence, face.view.gaze_y)
    glints = [(right * out, up, radius, strength) for right, up, radius, strength in face.scene.glints]
    soft = 2.4 / (size * face.view.scale)
    return layers(face.looks, frame.shapes(head.x), jnp.abs(u), v, gaze, glints, soft)


@stage
def _skin(face: Face, frame: Frame, head: Surface, at: tuple[Array, Array], fold: Array, size: int) -> paint.Skin:
    return paint.skin(face, frame.shapes(head.x), at, fold)


def wear(face: Face, frame: Frame, head: Surface, size: int) -> Worn:
    """Hair and glasses of a chunk."""
    return _worn(face, frame, head, _strands(face, frame, head, size=size), size=size)


@stage
def _strands(face: Face, frame: Frame, head: Surface, size: int) -> Array:
    _, _, px, py, _ = _grid(face.view, size)
    return hair.strands(face.looks, head, px, py, frame.turn)


@stage
def _worn(face: Face, frame: Frame, head: Surface, strand: Array, size: int) -> Worn:
    _, _, px, py, pixel = _grid(face.view, size)
    return hair.worn(face.looks, frame.shapes(head.x), head, strand, (px, py, pixel), frame.turn)


@stage
def _room(face: Face, size: int) -> Color:
    sx, sy, *_ = _grid(face.view, size)
    return scenery.room(face.scene.background, sx, sy)


@stage
def _pillow(face: Face, frame: Frame, head: Surface, at: tuple[Array, Array], behind: Color, size: int) -> Color:
    sheet = covers.pillow(face, spot(face.view, frame, head, at, size))
    return mix(behind, sheet.color, sheet.cover)


@stage
def _body(face: Face, frame: Frame, size: int) -> scenery.Body:
    _, _, px, py, pixel = _grid(face.view, size)
    return scenery.body(face, (px, py), frame.turn, pixel)


@stage
def _dress(face: Face, under: Color, parts: scenery.Body, size: int) -> Color:
    return scenery.dress(face, under, parts)


@stage
def _head(face: Face, lit: paint.Lit, drawn: Layers, skin: paint.Skin, worn: Worn, size: int) -> Color:
    return paint.head_color(face, lit, drawn, skin, worn)


@stage
def _compose(face: Face, head: Surface, behind: Color, color: Color, worn: Worn, size: int) -> Color:
    return paint.compose(face.looks, behind, worn, color, head.cover)


@stage
def _cover(face: Face, frame: Frame, head: Surface, at: tuple[Array, Array], color: Color, size: int) -> Color:
    return covers.over(face, color, spot(face.view, frame, head, at, size))


@stage
def _blur(face: Face, color: Color, size: int) -> Color:
    blurred = paint.blur(jnp.stack(color), face.scene)
    return blurred[0], blurred[1], blurred[2]


@stage
def _develop(face: Face, color: Color, size: int) -> Array:
    return paint.develop(jnp.stack(color), face)


def spot(view: View, frame: Frame, head: Surface, at: tuple[Array, Array], size: int) -> covers.Spot:
    """Where each pixel of one picture is."""
    _, _, px, py, pixel = _grid(view, size)
    return covers.Spot(px, py, pixel, frame.turn, head, at)
