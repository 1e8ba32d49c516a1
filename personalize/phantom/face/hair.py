"""Hair, beard and glasses of a phantom, as coverage (0-1)."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from personalize.phantom.face.geometry import Surface, between, bump, lift, step, wave
from personalize.phantom.face.parameters import Looks
from personalize.phantom.face.rig import Rig

HALF_WIDTH = 0.665
"""Of a head of `head_width` 1."""


class Worn(NamedTuple):
    """Coverage of hair and glasses."""

    mane: Array
    """Hair outside the head's silhouette."""
    scalp: Array
    """Hair on the head itself."""
    strand: Array
    """Light and dark of the hair, 0-1."""
    frame: Array
    """Of the glasses."""
    glare: Array
    """On their lenses."""


def upright(px: Array, py: Array, turn: Array) -> tuple[Array, Array]:
    """Picture positions relative to the head, turned so that the head's up points up: across and along it."""
    up = turn[:2, 1] / jnp.sqrt(turn[0, 1] ** 2 + turn[1, 1] ** 2 + 1e-6)
    return px * up[1] - py * up[0], px * up[0] + py * up[1]


def strands(looks: Looks, head: Surface, px: Array, py: Array, turn: Array) -> Array:
    """Light and dark of the hair, 0-1: combed streaks, or curls."""
    across, along = upright(px, py, turn)
    x, y = (jnp.where(head.cover > 0.5, a, b) for a, b in ((head.x, across), (head.y, along)))
    swirl = x * 38 / (1.25 - 0.5 * jnp.minimum(y, 1)) + looks.texture
    streak = 0.6 * wave(swirl + 2 * wave(3 * y + looks.texture)) + 0.4 * wave(0.41 * swirl + 2 * y + 1)
    curls = wave(34 * x + 3 * wave(23 * y)) * wave(31 * y + 3 * wave(25 * x + looks.texture))
    return 0.5 + 0.5 * (streak + (curls - streak) * looks.hair_curl)


def worn(
    looks: Looks, shapes: Rig, head: Surface, strand: Array, grid: tuple[Array, Array, Array], turn: Array
) -> Worn:
    """Hair and glasses; `grid`: pixel positions relative to the head and the size of a pixel."""
    px, py, pixel = grid
    frame, glare = _glasses(looks, shapes, head, 1.2 * pixel)
    mane = _mane(looks, *upright(px, py, turn), strand, pixel)
    return Worn(mane, _scalp(looks, head, strand), strand, frame, glare)


def _mane(looks: Looks, across: Array, along: Array, strand: Array, pixel: Array) -> Array:
    """Coverage of hair around and behind the head, in the plane of the picture."""
    volume = looks.hair_volume * (0.3 + 0.7 * step(0.0, 0.25, looks.hair_length))
    width = HALF_WIDTH * looks.head_width * (1.02 + 0.13 * volume + 0.05 * looks.hair_length)
    height = 1.0 + 0.11 * volume
    down = jnp.maximum(-along, 0)
    a, b = (across / (width * (1 + 0.10 * down))) ** 2, (jnp.maximum(along, 0) / height) ** 2
    reach = jnp.sqrt(a + b - 0.35 * jnp.minimum(a, 1.4) * jnp.minimum(b, 1.4) + 1e-6) + (
        0.03 + 0.05 * looks.hair_curl
    ) * (strand - 0.5)
    cover = jnp.clip((1 - reach) / jnp.maximum(1.25 * pixel, 0.05 + 0.05 * looks.hair_curl) + 0.5, 0, 1)
    end = 0.30 - 1.85 * step(0.12, 1.0, looks.hair_length) + 0.35 * across * across + 0.08 * (strand - 0.5)
    beside_neck = jnp.maximum(step(-0.35, -0.05, along), step(0.36, 0.46, jnp.abs(across)))
    return cover * step(end - 0.10, end + 0.10, along) * beside_neck * step(0.98, 0.85, looks.hairline)


def _scalp(looks: Looks, head: Surface, strand: Array) -> Array:
    """Coverage of hair on the head itself: above a hairline that falls at the temples and behind the ears."""
    x = jnp.abs(head.x)
    temple = jnp.maximum(x - 0.30, 0)
    edge = 0.60 + 0.28 * looks.hairline - 2.8 * temple * temple - 0.20 * looks.fringe * bump((x / 0.62) ** 2)
    edge = edge + 0.40 * jnp.maximum(looks.hairline - 0.35, 0) * bump(((x - 0.33) / 0.17) ** 2)
    edge = edge + 0.020 * wave(7 * head.x + looks.texture) + 0.035 * (strand - 0.5)
    long = step(0.25, 0.7, looks.hair_length)
    side = step(0.02 + 0.20 * long, -0.22 + 0.20 * long, head.z)
    edge = edge - (edge + 0.20 + 0.9 * looks.hair_length) * side
    soft = 0.045 + 0.03 * looks.hairline
    thin = 1 - 0.22 * step(0.15, 0.0, looks.hair_length)
    return step(-soft, soft, head.y - edge) * step(0.98, 0.85, looks.hairline) * thin


def beard(looks: Looks, shapes: Rig, u: Array, v: Array) -> Array:
    """Coverage of the beard."""
    x, mouth_y = jnp.abs(u), shapes.mouth[0]
    jaw = step(-0.38, -0.62, v + 0.42 * step(0.28, 0.6, x))
    jaw = jaw * step(0.030, 0.065, 0.6 * x * x + (v - mouth_y + 0.005) ** 2)
    upper = bump((x / 0.27) ** 2 + ((v - mouth_y - 0.12) / 0.065) ** 2)
    grain = 0.86 + 0.14 * wave(61 * u + 3 * wave(23 * v)) * wave(57 * v + 3 * wave(19 * u))
    return looks.beard * jnp.clip(jaw + 1.2 * upper, 0, 1) * grain * 0.88


def _glasses(looks: Looks, shapes: Rig, head: Surface, soft: Array) -> tuple[Array, Array]:
    """Coverage of the frame, and of the lenses' reflection."""
    u, v = lift(head, 0.10)
    x, eye_x = jnp.abs(u), shapes.eye[0]
    a, b = ((x - eye_x - 0.01) / 1.18) ** 2, (v - 0.005) ** 2 * (1 + 0.25 * looks.frames)
    # Between a circle and a rounded rectangle.
    q = jnp.sqrt(jnp.maximum(a + b - (6 + 8 * looks.frames) * a * b, 1e-6))
    wire = 0.007 + 0.011 * looks.frames
    ring = jnp.clip((wire - jnp.abs(q - 0.172)) / soft + 0.5, 0, 1)
    bridge = between(v, 0.052 - wire, 0.052 + wire, soft) * between(x, -1, eye_x - 0.185, soft)
    arm = between(v, 0.045, 0.045 + 2 * wire, soft) * between(x, eye_x + 0.21, 2, soft)
    on = looks.glasses * (head.z > 0)
    streak = bump(((v - 0.06 - 0.7 * (u - 0.25 * jnp.sign(u))) / 0.035) ** 2) * (q < 0.165)
    return jnp.maximum(ring, jnp.maximum(bridge, arm)) * on, 0.035 * streak * on
