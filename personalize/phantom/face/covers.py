"""What lies over a face or around it: pillow, oxygen mask, ventilator tube with tape, hand, blanket.

Each function gives a colour (linear) and its coverage (0-1) over the picture.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from personalize.phantom.face.color import Color, linear, mix, times
from personalize.phantom.face.geometry import Surface, between, bump, step, wave
from personalize.phantom.face.parameters import Face
from personalize.phantom.face.scenery import trunk


class Sheet(NamedTuple):
    """A layer over the picture."""

    color: Color
    cover: Array


class Spot(NamedTuple):
    """Where each pixel is."""

    px: Array
    py: Array
    pixel: Array
    """Size of a pixel, head units."""
    turn: Array
    head: Surface
    place: tuple[Array, Array]
    """Face coordinates."""


def pillow(face: Face, spot: Spot) -> Sheet:
    """A pillow behind the head, dented by it."""
    bx, by = trunk(face.view.roll, spot.px, spot.py)
    far = jnp.sqrt((bx / 1.55) ** 4 + ((by - 0.15) / 1.15) ** 4 + 1e-6)
    cover = jnp.clip((1 - far) * 0.4 / spot.pixel + 0.5, 0, 1)
    dent = step(1.55, 0.85, jnp.sqrt(bx * bx + (by - 0.05) ** 2 + 1e-6))
    crease = wave(9 * jnp.arctan2(by, bx) + 2 * wave(3 * bx + face.looks.texture)) * (1 - dent)
    light = _glow(face, 0.25 * bx) * (0.92 - 0.45 * dent + 0.06 * crease) * (1 - 0.35 * step(0.86, 1.0, far))
    return Sheet(times((0.62, 0.64, 0.66), light), cover * face.covers.pillow)


def tube(face: Face, spot: Spot) -> Sheet:
    """A ventilator tube from the mouth and the tape that holds it, from cheek to cheek."""
    soft, (u, v) = 1.3 * spot.pixel, spot.place
    band = -0.515 + 0.16 * u * u
    tape = between(v, band - 0.055, band + 0.055, soft) * between(jnp.abs(u), -1, 0.50, soft) * (spot.head.cover > 0.5)
    weave = 0.93 + 0.05 * wave(55 * u) * wave(70 * v) - 0.16 * bump(((jnp.abs(v - band) - 0.055) / 0.02) ** 2)
    color: Color = times((0.72, 0.70, 0.64), weave * _glow(face, 0.3 * u))
    x, y = _before(spot, 0.0)
    centre = 0.06 + 0.35 * jnp.maximum(-0.62 - y, 0) + 0.25 * jnp.maximum(-0.62 - y, 0) ** 2
    off = (x - centre) * 0.92
    pipe = between(jnp.abs(off), -1, 0.062, soft) * step(-0.585, -0.615, y)
    rings = 0.86 + 0.14 * wave(75 * y + 20 * off)
    round_off = jnp.sqrt(jnp.maximum(1 - (off / 0.068) ** 2, 0.05))
    glass = times((0.55, 0.68, 0.74), (0.25 + 0.75 * round_off) * rings * _glow(face, 0.3 * u))
    shine = 0.45 * bump(((off + 0.022) / 0.014) ** 2)
    color = mix(color, tuple(c + shine for c in glass), pipe)
    return Sheet(color, jnp.maximum(0.94 * tape, pipe) * face.covers.tube)


def oxygen_mask(face: Face, spot: Spot) -> Sheet:
    """A translucent mask over nose and mouth with its rim, its port and an elastic strap."""
    soft, (u, v) = 1.3 * spot.pixel, spot.place
    strap_v = -0.42 + 0.30 * jnp.maximum(jnp.abs(u) - 0.3, 0)
    strap = between(v, strap_v - 0.022, strap_v + 0.022, soft) * (spot.head.cover > 0.5)
    x, y = _before(spot, -0.16)
    t = jnp.clip((-0.05 - y) / 0.93, 0, 1)
    half = 0.11 + 0.37 * jnp.sqrt(jnp.maximum(t * (1.42 - 0.95 * t * t), 1e-6))
    shell = jnp.minimum(half - jnp.abs(x), jnp.minimum(-0.05 - y, y + 0.98 + 0.4 * x * x))
    inside = jnp.clip(shell / soft + 0.5, 0, 1)
    rim = inside * jnp.clip((0.030 - shell) / soft + 0.5, 0, 1)
    port = jnp.sqrt(x * x + (y + 0.68) ** 2 + 1e-6)
    ring = jnp.clip((0.10 - port) / soft + 0.5, 0, 1)
    glow = _glow(face, 0.4 * x)
    gleam = 0.55 * bump(((x + 0.20 - 0.12 * t) / 0.035) ** 2 + ((y + 0.42) / 0.24) ** 2)
    gleam = gleam + 0.25 * bump(((x - 0.24) / 0.025) ** 2 + ((y + 0.50) / 0.20) ** 2)
    ridge = bump(((jnp.abs(x) - 0.55 * half) / 0.03) ** 2) * inside
    plastic = tuple(c * glow + gleam for c in (0.58, 0.72, 0.70))
    dark = times((0.30, 0.45, 0.42), glow * (0.55 + 0.45 * wave(60 * port)))
    color = mix(times((0.30, 0.45, 0.36), glow), plastic, inside)
    color = mix(color, dark, ring)
    cover = jnp.maximum(0.26 * inside + 0.12 * ridge + 0.7 * jnp.minimum(gleam, 1) * inside, 0.72 * rim)
    cover = jnp.maximum(jnp.maximum(cover, 0.85 * ring), 0.92 * strap * (1 - inside))
    return Sheet(color, jnp.clip(cover, 0, 1) * face.covers.oxygen_mask)


def hand(face: Face, spot: Spot) -> Sheet:
    """A hand that comes from the side until it lies over mouth and nose: forearm, palm and four fingers."""
    amount = face.covers.hand
    side = jnp.where(face.covers.hand_side < 0, -1.0, 1.0)
    hx, hy = (1.75 - 1.45 * amount), -0.78 + 0.04 * amount
    x, y = side * spot.px - hx, spot.py - hy
    # Coordinates along the hand, whose fingers point up and across the face.
    a, b = -0.92 * x + 0.39 * y, 0.39 * x + 0.92 * y
    palm = _capsule(a, b, (-0.05, -0.02), (0.10, 0.02), 0.22)
    arm = _capsule(a, b, (-1.6, -0.35), (-0.15, -0.03), 0.19)
    distance = jnp.minimum(palm, arm)
    for n, (start, length, lean) in enumerate(
        ((-0.165, 0.36, -0.05), (-0.06, 0.44, -0.01), (0.05, 0.42, 0.03), (0.155, 0.32, 0.07))
    ):
        finger = _capsule(a, b, (0.14, start), (0.16 + length, start + lean), 0.062 - 0.003 * (n == 3))
        distance = jnp.minimum(distance, finger)
    thumb = _capsule(a, b, (-0.02, 0.16), (0.20, 0.34), 0.068)
    distance = jnp.minimum(distance, thumb)
    cover = jnp.clip(0.5 - distance / (1.3 * spot.pixel), 0, 1) * step(0, 0.02, amount)
    depth = jnp.clip(-distance / 0.07, 0, 1)
    round_off = 0.42 + 0.58 * jnp.sqrt(depth * (2 - depth) + 1e-6)
    knuckle = 1 - 0.18 * bump(((jnp.abs(a - 0.36) - 0.07) / 0.018) ** 2) * (a > 0.2)
    light = 1.02 * _glow(face, 0.25 * spot.px) * round_off * knuckle
    own = linear(face.looks.skin)
    return Sheet((own[0] * light, own[1] * light * 0.92, own[2] * light * 0.90), cover)


def blanket(face: Face, spot: Spot) -> Sheet:
    """A blanket with its turned-down sheet, drawn up as far as the nose."""
    bx, by = trunk(face.view.roll, spot.px, spot.py)
    top = -1.62 + 1.24 * face.covers.blanket + 0.03 * wave(3.1 * bx + face.looks.texture) - 0.06 * bx * bx
    below = top - by
    cover = jnp.clip(below / (1.3 * spot.pixel) + 0.5, 0, 1) * step(0, 0.02, face.covers.blanket)
    fold = wave(6 * bx + 3 * wave(2 * by + face.looks.texture)) * wave(2.5 * by + bx)
    light = _glow(face, 0.2 * bx) * (0.82 + 0.14 * fold) * (0.70 + 0.30 * step(0, 0.07, below))
    weave = 1 + 0.04 * wave(80 * bx) * wave(80 * by)
    hem = jnp.clip((0.20 - below) / (1.3 * spot.pixel) + 0.5, 0, 1)
    edge = 1 - 0.35 * bump(((below - 0.215) / 0.03) ** 2)
    color = mix(times((0.25, 0.42, 0.52), light * weave * edge), times((0.74, 0.77, 0.78), light), hem)
    return Sheet(color, cover)


def over(face: Face, color: Color, spot: Spot) -> Color:
    """The picture with everything that lies over the face, nearest last."""
    for draw in (tube, oxygen_mask, blanket, hand):
        sheet = draw(face, spot)
        color = mix(color, sheet.color, sheet.cover)
    return color


def hidden(face: Face, spot: Spot) -> Array:
    """Share of each pixel that covers hide; a translucent mask hides what it veils, too."""
    sheets = [draw(face, spot) for draw in (tube, oxygen_mask, blanket, hand)]
    veil = step(0.10, 0.25, sheets[1].cover)
    return jnp.maximum(jnp.maximum(sheets[0].cover, veil), jnp.maximum(sheets[2].cover, sheets[3].cover))


def _before(spot: Spot, height: float) -> tuple[Array, Array]:
    """Face coordinates on the plane `height` in front of the face's tangent plane: parallax without the head."""
    turn, depth = spot.turn, 0.80 + height
    a, b, c, d = turn[0, 0], turn[0, 1], turn[1, 0], turn[1, 1]
    x, y = spot.px - depth * turn[0, 2], spot.py - depth * turn[1, 2]
    scale = 1 / jnp.maximum(a * d - b * c, 0.2)
    return (d * x - b * y) * scale, (a * y - c * x) * scale


def _capsule(x: Array, y: Array, start: tuple[float, float], end: tuple[float, float], radius: float) -> Array:
    """Signed distance from a thick line, negative inside."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    t = jnp.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    return jnp.sqrt((x - start[0] - t * dx) ** 2 + (y - start[1] - t * dy) ** 2 + 1e-9) - radius


def _glow(face: Face, sideways: Array) -> Array:
    """Light on cloth and plastic that faces the camera, more on the lamp's side."""
    light = face.scene.light
    side = light[0] / jnp.sqrt(jnp.sum(light**2))
    return 0.45 * face.scene.ambient + 0.45 + side * sideways
