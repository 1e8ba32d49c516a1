"""What lies behind a phantom's face: the room, and the body with ears, neck and shirt."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from personalize.phantom.face.color import Color, linear, mix, times
from personalize.phantom.face.geometry import bump, step, wave
from personalize.phantom.face.hair import HALF_WIDTH, upright
from personalize.phantom.face.parameters import Face

BEND = 0.35
"""Roll in radians up to which the neck bends; beyond it the body turns, too."""


def room(grid: Array, sx: Array, sy: Array) -> Color:
    """A blurred room: five by five colours, smoothly blended over the picture."""

    def weights(s: Array) -> Array:
        w = bump(((s[:, None] - jnp.linspace(-1, 1, 5)) / 0.8) ** 2)
        return w / w.sum(-1, keepdims=True)

    picture = jnp.einsum("yi,xj,ijc->cyx", weights(-sy[:, 0]), weights(sx[0]), grid * grid)
    return picture[0], picture[1], picture[2]


def trunk(roll: Array, px: Array, py: Array) -> tuple[Array, Array]:
    """Picture positions in the body's directions, which follow the head's where it lies on its side."""
    far = jnp.abs(roll)
    turn = jnp.sign(roll) * jnp.minimum(far, jnp.maximum(far - BEND, 0) * (jnp.pi / 2) / (jnp.pi / 2 - BEND))
    c, s = jnp.cos(turn), jnp.sin(turn)
    return c * px + s * py, c * py - s * px


class Body(NamedTuple):
    """Light on and coverage of the body's parts."""

    neck: Array
    neck_light: Array
    shirt: Array
    shirt_light: Array
    ears: Array
    ears_light: Array


def body(face: Face, p: tuple[Array, Array], turn: Array, pixel: Array) -> Body:
    """Ears, neck and shirt; `p` relative to the head in head units."""
    looks, soft = face.looks, 1.3 * pixel
    bx, by = trunk(face.view.roll, *p)
    x = bx + 0.05 * turn[0, 2]
    side = face.scene.light[0] / jnp.sqrt(jnp.sum(face.scene.light**2))
    width = (0.37 + 0.03 * looks.jaw) * looks.head_width + 1.1 * jnp.maximum(-0.95 - by, 0) ** 2
    far = jnp.maximum(jnp.abs(bx) - 0.34, 0)
    top = -1.17 - 0.42 * far * (far + 0.4) - 0.20 * bump((bx / 0.46) ** 2)
    cloth = 0.80 + 0.14 * wave(5 * bx + looks.texture + 2 * by) * wave(3 * by) - 0.10 * jnp.abs(bx) + 0.2 * side * bx
    collar = 1 - 0.35 * bump(((top - by - 0.06) / 0.03) ** 2)
    ears, ears_light = _ears(face, p, turn, pixel)
    return Body(
        neck=jnp.clip((width - jnp.abs(x)) / soft + 0.5, 0, 1) * (by < -0.2),
        neck_light=(0.45 * face.scene.ambient + 0.35) * _neck_shade(x, by, jnp.clip(x / width, -1, 1), side),
        shirt=jnp.clip((top - by) / soft + 0.5, 0, 1),
        shirt_light=(0.5 * face.scene.ambient + 0.55) * cloth * collar,
        ears=ears,
        ears_light=ears_light,
    )


def _neck_shade(x: Array, y: Array, across: Array, side: Array) -> Array:
    round_off = jnp.clip(0.95 * jnp.sqrt(1.05 - across * across) + 0.6 * side * across, 0.15, 1.1)
    chords = 1 - 0.16 * bump(((jnp.abs(x) - 0.17 - 0.35 * (y + 1.4)) / 0.09) ** 2) * step(-0.9, -1.15, y)
    return round_off * (0.42 + 0.58 * step(-0.82, -1.30, y)) * chords


def _ears(face: Face, p: tuple[Array, Array], turn: Array, pixel: Array) -> tuple[Array, Array]:
    looks, width = face.looks, HALF_WIDTH * face.looks.head_width
    across, along = upright(*p, turn)
    cover = light = jnp.zeros_like(along)
    for sign in (-1.0, 1.0):
        x, y = (sign * 1.01 * width * turn[i, 0] - 0.07 * turn[i, 1] - 0.10 * turn[i, 2] for i in range(2))
        ex, ey = upright(x, y, turn)
        dx, dy = across - ex, along - ey
        dx = dx - 0.12 * sign * dy
        q = (dx / (0.095 - 0.02 * step(0, -0.2, dy))) ** 2 + (dy / (0.20 + 0.02 * looks.age)) ** 2
        here = jnp.clip((1 - q) * 0.06 / pixel + 0.3, 0, 1)
        shell = 0.92 - 0.45 * bump(((jnp.sqrt(q + 1e-6) - 0.62) / 0.28) ** 2) - 0.3 * bump(2 * q)
        cover, light = jnp.maximum(cover, here), jnp.maximum(light, shell * (q < 1.6))
    return cover, light * (0.55 * face.scene.ambient + 0.35)


def dress(face: Face, under: Color, parts: Body) -> Color:
    """The body before what is behind it."""
    skin = linear(face.looks.skin)
    color = mix(under, times(skin, parts.neck_light), parts.neck)
    color = mix(color, times(linear(face.scene.shirt), parts.shirt_light), parts.shirt)
    return mix(color, times((skin[0], skin[1] * 0.88, skin[2] * 0.86), parts.ears_light), parts.ears)
