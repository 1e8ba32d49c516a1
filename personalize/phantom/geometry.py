"""The head as a solid: where the rays of a picture meet it, and small helpers for drawing on it.

Head coordinates: x towards the subject's left (right of the picture), y up, z out of the face; the half height of
the head is 1 and the origin lies between crown and chin.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from personalize.phantom.parameters import View

Number = float | int | Array

DEPTH = 0.86
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


def intersect(px: Array, py: Array, turn: Array, shape: tuple[Array, Array, Array], pixel: Array) -> Surface:
    """Meets parallel rays with the head, an ellipsoid whose width varies with height.

    `px`, `py`: pixel positions relative to the head's centre in head units; `turn`: `rotation`; `shape`: half
    width, jaw (-1 narrow to 1 square) and lowering of the chin; `pixel`: size of a pixel in head units.
    """
    width, jaw, drop = shape
    ray = turn.T[:, 2]
    ox, oy, oz = (turn[0, i] * px + turn[1, i] * py for i in range(3))
    y = oy  # the width belongs to the height that the ray meets, which depends on the width: two rounds suffice
    y, _, _ = _meet((ox, oy, oz), ray, _inverse_axes(y, width, jaw, drop))
    inv = _inverse_axes(y, width, jaw, drop)
    y, t, inside = _meet((ox, oy, oz), ray, inv)
    x, z = ox + t * ray[0], oz + t * ray[2]
    n = (x * inv[0] * inv[0], y * inv[1] * inv[1], z * inv[2] * inv[2])
    scale = 1 / jnp.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2])
    n = (n[0] * scale, n[1] * scale, n[2] * scale)
    cover = jnp.clip(0.5 + inside * 0.42 / pixel, 0, 1)
    return Surface(x, y, z, n, n[0] * ray[0] + n[1] * ray[1] + n[2] * ray[2], cover, ray)


def _inverse_axes(y: Array, width: Array, jaw: Array, drop: Array) -> tuple[Array, Array, Array]:
    """One over the half axes that hold at height `y`: a broad crown, a jaw that narrows to the chin."""
    low, high = jnp.clip(-y, 0, 1.2), jnp.clip(y, 0, 1)
    taper = 1 + 0.13 * high * high + (0.12 + 0.05 * jaw) * low - (0.20 - 0.10 * jaw) * low * low * low
    return 1 / (width * taper), 1 / jnp.where(y < 0, 1 + drop, 1.0), jnp.full_like(y, 1 / DEPTH)


def _meet(
    origin: tuple[Array, Array, Array], ray: Array, inv: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array]:
    """Height and distance of the nearest meeting with an ellipsoid, and how far inside it the ray passes.

    A ray that misses gets its nearest point and a negative third value.
    """
    o, d = (tuple(v[i] * inv[i] for i in range(3)) for v in (origin, ray))
    dd, od, oo = (a[0] * b[0] + a[1] * b[1] + a[2] * b[2] for a, b in ((d, d), (o, d), (o, o)))
    inside = (od * od - dd * (oo - 1)) / dd
    t = (jnp.sqrt(jnp.maximum(inside, 0) * dd) - od) / dd
    return origin[1] + t * ray[1], t, inside


def lift(surface: Surface, height: Number) -> tuple[Array, Array]:
    """Face coordinates (x, y) of what a pixel shows of a layer `height` above the surface: parallax."""
    k = height / jnp.maximum(surface.facing, 0.35)
    return (
        surface.x + k * surface.ray[0] - height * surface.normal[0],
        surface.y + k * surface.ray[1] - height * surface.normal[1],
    )
