"""The head as a solid: where the rays of a picture meet it, and small helpers for drawing on it.

Head coordinates: x towards the subject's left (right of the picture), y up, z out of the face; the half height of
the head is 1 and the origin lies between crown and chin.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from personalize.phantom.face.parameters import View

Number = float | int | Array

DEPTH = 0.84
"""Half depth of the head."""


def step(low: Number, high: Number, x: Array) -> Array:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = jnp.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def bump(q: Array) -> Array:
    """Hill of height 1 over a squared distance `q`, zero from 1 on: a cheap bell without `exp`."""
    k = jnp.maximum(1 - q, 0)
    return k * k


def line(distance: Array, width: Number) -> Array:
    """Soft line: 1 on it, 0 from `width` on."""
    return bump((distance / width) ** 2)


def wave(x: Array) -> Array:
    """Nearly a sine, at a fraction of its cost: two parabolas a period."""
    t = x * 0.15915494
    t = t - jnp.floor(t + 0.5)
    return 8 * t * (1 - 2 * jnp.abs(t))


def between(x: Array, low: Number, high: Number, soft: Number) -> Array:
    """1 inside [low, high], 0 outside, with borders `soft` wide."""
    return jnp.clip((x - low) / soft + 0.5, 0, 1) * jnp.clip((high - x) / soft + 0.5, 0, 1)


def rotation(view: View) -> Array:
    """Matrix that takes head coordinates to camera coordinates: roll after pitch after yaw."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (view.yaw, view.pitch, view.roll) for f in (jnp.cos, jnp.sin))
    one, zero = jnp.ones_like(cy), jnp.zeros_like(cy)
    yaw = jnp.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy]).reshape(3, 3)
    pitch = jnp.stack([one, zero, zero, zero, cp, sp, zero, -sp, cp]).reshape(3, 3)
    roll = jnp.stack([cr, -sr, zero, sr, cr, zero, zero, zero, one]).reshape(3, 3)
    return roll @ pitch @ yaw


class Surface(NamedTuple):
    """What each pixel's ray meets, in head coordinates unless said."""

    x: Array
    y: Array
    z: Array
    normal: tuple[Array, Array, Array]
    """Of unit length."""
    facing: Array
    """Cosine between the normal and the direction to the camera."""
    cover: Array
    """Share of the pixel that the head covers."""
    ray: Array
    """Direction towards the camera, the same for all pixels, 3."""


class Skull(NamedTuple):
    """Proportions of a head."""

    width: Array
    """Half width."""
    jaw: Array
    """-1 narrow to 1 square."""
    drop: Array
    """Lowering of the chin."""


class _Axes(NamedTuple):
    """One over the half axes of the ellipsoid that holds at a height, and how x and z axes change with height."""

    x: Array
    y: Array
    z: Array
    dx: Array
    """Relative growth of the x axis per height."""
    dz: Array


class Rays(NamedTuple):
    """Parallel rays through the pixels of a picture."""

    x: Array
    y: Array
    z: Array
    """Head coordinates of where each ray passes the plane of the picture through the head's centre."""
    direction: Array
    """Towards the camera, the same for all, 3."""


def rays(px: Array, py: Array, turn: Array) -> Rays:
    """Rays of pixels at (px, py) relative to the head's centre in head units; `turn`: `rotation`."""
    x, y, z = (turn[0, i] * px + turn[1, i] * py for i in range(3))
    return Rays(x, y, z, turn.T[:, 2])


def first_height(through: Rays, skull: Skull) -> Array:
    """Height at which rays meet a head whose width belongs to another height: good enough to know the width there."""
    return _meet(through, _axes(through.y, skull))[0]


def meeting(through: Rays, height: Array, skull: Skull) -> tuple[Array, Array, Array]:
    """Height and distance of the meeting of rays with a head of the width at `height`; how far inside rays pass."""
    return _meet(through, _axes(height, skull))


def surface(through: Rays, height: Array, met: tuple[Array, Array, Array], skull: Skull, pixel: Array) -> Surface:
    """What rays show of the head; `pixel`: size of a pixel in head units."""
    (y, t, inside), ray = met, through.direction
    x, z = through.x + t * ray[0], through.z + t * ray[2]
    n = _normal(x, y, z, _axes(height, skull))
    cover = jnp.clip(0.5 + inside * 0.42 / pixel, 0, 1)
    return Surface(x, y, z, n, n[0] * ray[0] + n[1] * ray[1] + n[2] * ray[2], cover, ray)


def surface_at(x: Array, y: Array, ray: Array, skull: Skull) -> Surface:
    """The front of the head at places (x, y); beyond its outline, the nearest place on the outline at that height."""
    axes = _axes(y, skull)
    y = jnp.clip(y, -1 / axes.y, 1)
    room = jnp.maximum(1 - (y * axes.y) ** 2, 0)
    x = jnp.clip(x, -jnp.sqrt(room) / axes.x, jnp.sqrt(room) / axes.x)
    z = jnp.sqrt(jnp.maximum(room - (x * axes.x) ** 2, 0)) / axes.z
    n = _normal(x, y, z, axes)
    return Surface(x, y, z, n, n[0] * ray[0] + n[1] * ray[1] + n[2] * ray[2], jnp.ones_like(x), ray)


def outward(px: Array, py: Array, turn: Array, skull: Skull) -> tuple[Array, Array]:
    """Moves points of the picture (relative to the head, head units) from its centre onto its silhouette."""
    for _ in range(3):
        through = rays(px, py, turn)
        dd, od, oo = _products(through, _axes(first_height(through, skull), skull))
        grow = jnp.sqrt(dd / jnp.maximum(dd * oo - od * od, 1e-6))
        px, py = px * grow, py * grow
    return px, py


def _axes(y: Array, skull: Skull) -> _Axes:
    """A broad crown, straight cheeks, a jaw that narrows to a rounded chin, and a face that is flat from the side."""
    length = jnp.where(y < 0, 1 + skull.drop, 1.0)
    low, high = jnp.clip(-y / length, 0, 1), jnp.clip(y, 0, 1)
    square = 0.03 + 0.065 * skull.jaw
    t = jnp.clip((low - 0.15) / 0.65, 0, 1)
    taper = 1 - 0.10 * high + 0.30 * high * high + square * t * t * (3 - 2 * t) + 0.06 * low**4
    slope = 0.60 * high - 0.10 * (y > 0) - (square * 6 * t * (1 - t) / 0.65 + 0.24 * low**3) / length
    deep = 1 + 0.24 * low * low + 0.06 * high * high
    slope_deep = 0.12 * high - 0.48 * low / length
    return _Axes(1 / (skull.width * taper), 1 / length, 1 / (DEPTH * deep), slope / taper, slope_deep / deep)


def _normal(x: Array, y: Array, z: Array, axes: _Axes) -> tuple[Array, Array, Array]:
    xx, zz = x * axes.x * axes.x, z * axes.z * axes.z
    n = (xx, y * axes.y * axes.y - x * xx * axes.dx - z * zz * axes.dz, zz)
    scale = 1 / jnp.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2])
    return n[0] * scale, n[1] * scale, n[2] * scale


def _meet(through: Rays, axes: _Axes) -> tuple[Array, Array, Array]:
    """Height and distance of the nearest meeting with an ellipsoid, and how far inside it the ray passes.

    A ray that misses gets its nearest point and a negative third value.
    """
    dd, od, oo = _products(through, axes)
    inside = (od * od - dd * (oo - 1)) / dd
    t = (jnp.sqrt(jnp.maximum(inside, 0) * dd) - od) / dd
    return through.y + t * through.direction[1], t, inside


def _products(through: Rays, axes: _Axes) -> tuple[Array, Array, Array]:
    o, d = ([v[i] * axes[i] for i in range(3)] for v in (through[:3], through.direction))
    dd, od, oo = (a[0] * b[0] + a[1] * b[1] + a[2] * b[2] for a, b in ((d, d), (o, d), (o, o)))
    return dd, od, oo


def lift(surface: Surface, height: Number) -> tuple[Array, Array]:
    """Face coordinates (x, y) of what a pixel shows of a layer `height` above the surface: parallax."""
    k = height / jnp.maximum(surface.facing, 0.35)
    return (
        surface.x + k * surface.ray[0] - height * surface.normal[0],
        surface.y + k * surface.ray[1] - height * surface.normal[1],
    )
