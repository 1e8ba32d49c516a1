"""What is drawn on a face: each function returns height (relief) or coverage (0-1) over face coordinates.

`x` is the distance from the midline (both halves at once, told apart by the `Rig`), `y` height; head units.
`soft` is the width of an anti-aliased border, about a pixel.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from personalize.phantom.geometry import between, bump, line, step
from personalize.phantom.parameters import Looks
from personalize.phantom.rig import Rig


class Layers(NamedTuple):
    """Coverage of each thing that has its own colour."""

    brow: Array
    sclera: Array
    iris: Array
    pupil: Array
    glint: Array
    lash: Array
    lips: Array
    cavity: Array
    teeth: Array
    tongue: Array
    nostril: Array
    crease: Array
    """Lines that darken the skin."""


def nose_height(rig: Rig, x: Array, y: Array) -> Array:
    """Relief of the nose."""
    nostril_y, tip_y, wing = rig.nose
    along = jnp.clip((0.08 - y) / (0.08 - tip_y), 0, 1)
    ridge = bump((x / (0.075 + 0.035 * along)) ** 2) * step(0.16, -0.02, y) * step(tip_y - 0.10, tip_y, y)
    tip = bump((x * x + (y - tip_y) ** 2) / 0.11**2)
    wings = bump(((x - 0.72 * wing) / 0.075) ** 2 + ((y - nostril_y - 0.015) / 0.085) ** 2)
    return ridge * (0.045 + 0.075 * along) + 0.055 * tip + 0.045 * wings


def relief(rig: Rig, x: Array, y: Array) -> Array:
    """Height of sockets, brow ridge, cheeks, lips and chin above the ellipsoid, without the nose."""
    eye_x, eye_y = rig.eye
    mouth_y, mouth_w, corner = rig.mouth
    cheek_y, cheek = rig.cheek
    socket = bump(((x - eye_x + 0.02) / 0.25) ** 2 + ((y - eye_y - 0.02) / 0.17) ** 2)
    ball = bump(((x - eye_x) / 0.16) ** 2 + ((y - eye_y) / 0.105) ** 2)
    ridge = bump(((x - 0.27) / 0.34) ** 2 + ((y - rig.brow[1] + 0.02) / 0.11) ** 2)
    frown = bump(((x - 0.10) / 0.10) ** 2 + ((y - rig.brow[0]) / 0.10) ** 2) * rig.glabella
    apple = bump(((x - 0.37) / 0.24) ** 2 + ((y - cheek_y) / 0.20) ** 2)
    muzzle = bump((x / 0.36) ** 2 + ((y - mouth_y) / 0.26) ** 2)
    chin = bump((x / 0.20) ** 2 + ((y + 0.84 + rig.drop) / 0.15) ** 2)
    dimple = bump(((x - mouth_w - 0.03) / 0.06) ** 2 + ((y - mouth_y - corner) / 0.08) ** 2)
    return (
        -0.080 * socket
        + 0.045 * ball
        + 0.028 * ridge
        + 0.025 * frown
        + (0.018 + 0.060 * cheek) * apple
        + 0.05 * muzzle
        + 0.04 * chin
        - 0.012 * dimple
    )


def _repeat(x: Array, period: float) -> Array:
    """Distance from the nearest middle of a period (`jnp.mod` takes ten times as long)."""
    return x - period * (jnp.floor(x / period) + 0.5)


def folds(rig: Rig, x: Array, y: Array) -> Array:
    """Depth of all lines of skin, about 0-1: age and action units alike."""
    eye_x, eye_y = rig.eye
    eye_w = rig.eye_size[0]
    nostril_y, _, wing = rig.nose
    mouth_y, mouth_w, _ = rig.mouth
    side = step(0.12, 0.34, x)
    waves = line(_repeat(y - rig.brow[1] - 0.055 * (1 - 4 * (x - 0.2) ** 2), 0.085), 0.027)
    fore = waves * (rig.forehead[0] * (1 - side) + rig.forehead[1] * side)
    fore = fore * between(y, rig.brow[1] + 0.085, 0.56, 0.05) * step(0.52, 0.40, x)
    glab = line(x - 0.045 - 0.12 * (y - 0.2), 0.026) * between(y, rig.brow[0] - 0.09, rig.brow[0] + 0.14, 0.06)
    from_corner = x - eye_x - eye_w
    ray = jnp.abs(jnp.abs(y - eye_y) - 0.55 * from_corner)
    crow = jnp.maximum(line(ray, 0.022), line(y - eye_y, 0.018)) * between(from_corner, 0.035, 0.17, 0.04)
    under = line(y - eye_y + 0.125 - 0.9 * (x - eye_x) ** 2, 0.032) * between(x, eye_x - 0.16, eye_x + 0.17, 0.08)
    bunny = line(_repeat(y + 0.55 * x, 0.068), 0.024) * between(y + 0.55 * x, -0.09, 0.13, 0.03)
    bunny = bunny * step(0.17, 0.10, x)
    t = (nostril_y + 0.03 - y) / (nostril_y + 0.03 - mouth_y + 0.03)
    fold_x = wing + 0.035 + (mouth_w + 0.065 - wing - 0.035) * t * (1.35 - 0.35 * t)
    naso = line(x - fold_x, 0.038) * step(-0.08, 0.10, t) * step(1.25, 0.9, t)
    pull = line(x - mouth_w - 0.065 - 0.5 * (y - mouth_y) ** 2, 0.030) * between(
        y, mouth_y - 0.13, mouth_y + 0.09, 0.05
    )
    return (
        fore
        + glab * rig.glabella
        + crow * rig.crow
        + under * rig.bag
        + bunny * rig.bunny
        + naso * rig.nasolabial
        + pull * rig.stretch
    )


def brow_cover(looks: Looks, rig: Rig, x: Array, y: Array, soft: Array) -> Array:
    """Coverage of the brow."""
    e = (x - rig.brow_inner) / (0.475 - rig.brow_inner)
    inner, middle, outer = rig.brow
    curve = inner + (outer - inner) * e + (4 * middle - 2 * (inner + outer)) * e * (1 - e)
    thick = 0.036 * looks.brow_thickness * (1.1 - 0.75 * e)
    return between(y, curve - thick, curve + thick, 1.6 * soft) * between(e, 0, 1, 0.12)


def eye_layers(rig: Rig, x: Array, y: Array, gaze: tuple[Array, Array], soft: Array) -> tuple[Array, ...]:
    """Coverage of opening, iris, pupil, glint and lashes; `gaze` in face coordinates of this half (out, up)."""
    eye_x, eye_y = rig.eye
    width, upper, crease, lower = rig.eye_size
    dx, dy = x - eye_x, y - eye_y
    e = dx / width
    arch = jnp.maximum(1 - e * e, 0)
    tilt = 0.012 * e
    top, bottom = upper * arch + tilt, -lower * arch + tilt
    hole = between(dy, bottom, top, soft) * (arch > 0) * jnp.clip((top - bottom) / soft, 0, 1)
    ix, iy = dx - 0.045 * gaze[0], dy - 0.006 - 0.030 * gaze[1]
    r = jnp.sqrt(ix * ix + iy * iy + 1e-9)
    iris = jnp.clip((0.062 - r) / soft + 0.5, 0, 1)
    pupil = jnp.clip((0.028 - r) / soft + 0.5, 0, 1)
    glint = bump(((ix - 0.018) ** 2 + (iy - 0.022) ** 2) / 0.018**2)
    inside = jnp.clip((1.08 - jnp.abs(e)) * 6, 0, 1)
    lash = line(dy - top - 0.006, 0.026) * inside
    fold = line(dy - crease * (0.4 + 0.6 * arch) - tilt, 0.022) * inside * 0.55
    rim = line(dy - bottom + 0.006, 0.016) * inside * 0.35
    return hole, iris * hole, pupil * hole, glint * hole, jnp.maximum(lash, rim), fold


def mouth_layers(rig: Rig, x: Array, y: Array, soft: Array) -> tuple[Array, ...]:
    """Coverage of lips, cavity, teeth and tongue, and of the dark line between closed lips."""
    mouth_y, width, corner = rig.mouth
    e = jnp.clip(x / width, 0, 1.2)
    arch = jnp.maximum(1 - e * e, 0)
    middle = mouth_y + corner * e * e
    top, bottom = middle + rig.gap[0] * arch * (1 + 0.4 * e), middle - rig.gap[1] * arch
    cupid = 1 + 0.18 * bump(((e - 0.25) / 0.3) ** 2) - 0.12 * bump((e / 0.15) ** 2)
    above = top + rig.lips[0] * arch * cupid
    below = bottom - rig.lips[1] * jnp.sqrt(arch + 1e-6) * (0.55 + 0.45 * arch)
    within = arch > 0
    lips = between(y, below, above, 1.3 * soft) * within
    opening = jnp.clip((top - bottom) / soft - 0.15, 0, 1)
    cavity = between(y, bottom, top, soft) * within * opening
    teeth = between(y, top - 0.055, top, soft) * step(0.92, 0.7, e) * cavity
    tongue = bump((x / (0.8 * width)) ** 2 + ((y - bottom) / 0.11) ** 2) * cavity
    seam = line(y - middle - 0.5 * (rig.gap[0] - rig.gap[1]) * arch, 0.020) * jnp.clip((1.06 - e) * 10, 0, 1)
    return lips, cavity, teeth, tongue, seam * (1 - opening)


def layers(looks: Looks, rig: Rig, x: Array, y: Array, gaze: tuple[Array, Array], soft: Array) -> Layers:
    """Coverage of everything drawn on a face."""
    hole, iris, pupil, glint, lash, lid = eye_layers(rig, x, y, gaze, soft)
    lips, cavity, teeth, tongue, seam = mouth_layers(rig, x, y, soft)
    nostril_y, _, wing = rig.nose
    nostril = bump(((x - 0.52 * wing) / 0.046) ** 2 + ((y - nostril_y + 0.022) / 0.024) ** 2)
    return Layers(
        brow=brow_cover(looks, rig, x, y, soft),
        sclera=hole,
        iris=iris,
        pupil=pupil,
        glint=glint,
        lash=lash,
        lips=lips,
        cavity=cavity,
        teeth=teeth,
        tongue=tongue,
        nostril=jnp.clip(1.4 * nostril, 0, 1),
        crease=jnp.maximum(lid, 0.9 * seam),
    )
