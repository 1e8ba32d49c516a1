"""Exact positions of a phantom's features in its picture, from the same shapes as the pixels."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float

from personalize.phantom.face import covers, hair
from personalize.phantom.face.features import BROW_END, brow_curve, lid_curves, lip_curves
from personalize.phantom.face.geometry import Skull, Surface, lift, outward, surface_at
from personalize.phantom.face.hair import Worn
from personalize.phantom.face.parameters import Face, View
from personalize.phantom.face.relief import nose_height
from personalize.phantom.face.render import Frame, chunks, locate, meet, pose, skull_of, spot, stage, wear
from personalize.phantom.face.rig import Rig

JAW, LEFT_EYE, RIGHT_EYE = slice(0, 17), slice(36, 42), slice(42, 48)
"""Places of the jaw and of the eyes on the left and the right of the picture among the 68 landmarks."""
CORNER = 0.96
"""Share of the mouth's half width at which one sees its corner: beyond it the lips have tapered away."""
BALL = 0.02
"""How far below its foremost point one sees the middle of the nose's ball, which is taken for its tip."""
FACING = 0.12
"""Cosine between the skin's normal and the direction to the camera from which a landmark counts as visible."""


class Annotations(NamedTuple):
    """What an annotator with perfect eyes would draw; pixels with the centre of the upper left one at (0, 0)."""

    landmarks: Float[np.ndarray, "n 68 2"]
    """iBUG-68 order, (x, y)."""
    pupils: Float[np.ndarray, "n 2 2"]
    """The one on the left of the picture first; middle of the lid line in a closed eye."""
    visible: Bool[np.ndarray, "n 70"]
    """Of landmarks, then pupils: not turned away from the camera, inside the picture, not under a cover."""
    mask: Bool[np.ndarray, "n size size"]
    """Skin of the face with its features; without hair, beard, neck, ears and covers."""


def annotate(faces: Face, size: int) -> Annotations:
    """Landmarks and face mask of a batch of faces in pictures of `size` pixels."""
    parts = [jax.tree.map(np.asarray, _annotate(chunk, size)) for chunk in chunks(faces)]
    count = len(faces.seed)
    return Annotations(*(np.concatenate(leaves)[:count] for leaves in zip(*parts, strict=True)))


def _annotate(face: Face, size: int) -> tuple[Array, ...]:
    frame = pose(face, size=size)
    head = meet(face, frame, size)
    mask, hidden = _mask(face, frame, head, locate(frame, head, size=size), wear(face, frame, head, size), size=size)
    points, visible = _points(face, frame, hidden, size=size)
    return points[:, :68], points[:, 68:], visible, mask


@stage
def _mask(
    face: Face, frame: Frame, head: Surface, at: tuple[Array, Array], worn: Worn, size: int
) -> tuple[Array, Array]:
    """The face's skin, and what covers hide."""
    hidden = covers.hidden(face, spot(face.view, frame, head, at, size)) > 0.5
    beard = hair.beard(face.looks, frame.shapes(head.x), *at)
    front = (head.cover > 0.5) & (head.z > -0.05)
    return front & (worn.scalp < 0.5) & (beard < 0.5) & ~hidden, hidden


@stage
def _points(face: Face, frame: Frame, hidden: Array, size: int) -> tuple[Array, Array]:
    """Positions in pixels of 68 landmarks and two pupils, and whether they are seen."""
    skull, ray = skull_of(face, frame), frame.turn.T[:, 2]
    u, v = (jnp.concatenate(parts) for parts in zip(*_face_points(frame, face.view), strict=True))
    p, facing = _project(u, v, frame, skull, ray)
    jaw, jaw_facing = _jaw(frame, skull, ray)
    p, facing = jnp.concatenate([jaw, p]), jnp.concatenate([jaw_facing, facing])
    x, y = p[:, 0] * face.view.scale + face.view.x, p[:, 1] * face.view.scale + face.view.y
    pixels = jnp.stack([(x + 1) * size / 2, (1 - y) * size / 2], -1) - 0.5
    column, row = (jnp.round(pixels[:, i]).astype(jnp.int32) for i in range(2))
    within = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    covered = hidden[jnp.clip(row, 0, size - 1), jnp.clip(column, 0, size - 1)]
    # The outline is turned sideways by nature: its points count as seen where they lie on the near side or on it.
    limit = jnp.concatenate([jnp.full(17, -0.35), jnp.full(53, FACING)])
    return pixels.astype(jnp.float32), (facing > limit) & within & ~covered


def _face_points(frame: Frame, view: View) -> list[tuple[Array, Array]]:
    """Landmarks 17-67 and pupils in face coordinates, group by group."""
    left, right = frame.left, frame.right  # the subject's left is on the right of the picture
    middle = frame.shapes(jnp.zeros(()))
    nostril_y, tip_y, _ = middle.nose
    ridge = jnp.linspace(0.04, 1.0, 4)
    wings = 0.70 * jnp.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    width = jnp.where(wings < 0, right.nose[2], left.nose[2])
    base = (wings * width, nostril_y + jnp.array([0.015, -0.03, -0.045, -0.03, 0.015]))
    mouths = _mouth(frame)
    return [
        _brow(right, -1),
        tuple(c[::-1] for c in _brow(left, 1)),  # type: ignore[list-item]
        (jnp.zeros(4), ridge * (tip_y - BALL) + (1 - ridge) * 0.04),
        base,
        _eye(right, -1),
        _eye(left, 1),
        *mouths,
        _pupil(right, view, -1),
        _pupil(left, view, 1),
    ]


def _brow(rig: Rig, side: int) -> tuple[Array, Array]:
    """From the outer to the inner end."""
    e = jnp.linspace(0.97, 0.06, 5)
    return side * (rig.brow_inner + e * (BROW_END - rig.brow_inner)), brow_curve(rig, e)


def _eye(rig: Rig, side: int) -> tuple[Array, Array]:
    """Clockwise in the picture: from its left corner over the upper lid."""
    e = jnp.array([-1.0, -0.38, 0.38, 1.0, 0.38, -0.38]) * side
    top, bottom = lid_curves(rig, e)
    height = jnp.where(jnp.array([1, 1, 1, 1, 0, 0]) == 1, top, bottom)
    return side * rig.eye[0] + side * e * rig.eye_size[0], rig.eye[1] + height


def _pupil(rig: Rig, view: View, side: int) -> tuple[Array, Array]:
    """Where the eye looks, kept between the lids."""
    dx = 0.045 * (view.gaze_x * side - view.vergence)
    top, bottom = lid_curves(rig, dx / rig.eye_size[0])
    y = jnp.clip(0.006 + 0.030 * view.gaze_y, bottom, top)
    return (side * (rig.eye[0] + dx))[None], (rig.eye[1] + y)[None]


def _mouth(frame: Frame) -> list[tuple[Array, Array]]:
    """Outer lip 48-59 and inner lip 60-67, clockwise from the left corner in the picture."""
    upper, lower = (-CORNER, -0.62, -0.25, 0.0, 0.25, 0.62, CORNER), (0.62, 0.30, 0.0, -0.30, -0.62)
    inner_upper, inner_lower = (-0.9, -0.40, 0.0, 0.40, 0.9), (0.40, 0.0, -0.40)
    rows = ((upper, 0), (lower, 3), (inner_upper, 1), (inner_lower, 2))
    return [_lip(frame, np.array(e), which) for e, which in rows]


def _lip(frame: Frame, e: np.ndarray, which: int) -> tuple[Array, Array]:
    """Points of one of the curves of `lip_curves`, at shares `e` from the left (-1) to the right corner (1)."""

    def one(share: Array) -> tuple[Array, Array]:
        side = jnp.where(share < 0, frame.right.mouth[1], frame.left.mouth[1])
        x = share * side
        shapes = frame.shapes(x)
        return x, lip_curves(shapes, jnp.abs(x) / shapes.mouth[1])[which]

    return jax.vmap(one)(jnp.asarray(e, jnp.float32))


def _project(u: Array, v: Array, frame: Frame, skull: Skull, ray: Array) -> tuple[Array, Array]:
    """Positions relative to the head (head units) at which the renderer shows face coordinates, and their facing.

    The inverse of `lift`, by fixed-point iteration.
    """

    def one(u: Array, v: Array) -> tuple[Array, Array]:
        def nearer(_: Array, at: tuple[Array, Array]) -> tuple[Array, Array]:
            place = surface_at(*at, ray, skull)
            seen = lift(place, nose_height(frame.shapes(place.x), jnp.abs(place.x), place.y))
            return place.x + 0.7 * (u - seen[0]), place.y + 0.7 * (v - seen[1])

        x, y = jax.lax.fori_loop(0, 12, nearer, (u, v))
        place = surface_at(x, y, ray, skull)
        return frame.turn[:2] @ jnp.stack([place.x, place.y, place.z]), place.facing

    return jax.vmap(one)(u, v)


def _jaw(frame: Frame, skull: Skull, ray: Array) -> tuple[Array, Array]:
    """Seventeen points round the head's edge below the eyes; those that are turned away lie on the silhouette."""
    angle = jnp.linspace(jnp.pi, 2 * jnp.pi, 17)
    y = jnp.sin(angle) * 0.999 * (1 + skull.drop)
    edge = partial(surface_at, ray=ray, skull=skull)(jnp.cos(angle) * 9, y)
    p = jnp.stack([edge.x, edge.y, edge.z]).T @ frame.turn[:2].T
    rim = jnp.stack(outward(p[:, 0], p[:, 1], frame.turn, skull), -1)
    return jnp.where((edge.facing < 0)[:, None], rim, p), edge.facing
