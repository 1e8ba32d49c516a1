"""What is painted on a face: brows, eyes, lips and nostrils, as coverage (0-1) over face coordinates.

`x` is the distance from the midline (both halves at once, told apart by the `Rig`), `y` height; head units.
`soft` is the width of an anti-aliased border, about a pixel. The curves are also where `landmarks.py` puts its points.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from personalize.phantom.face.geometry import between, bump, line, step
from personalize.phantom.face.parameters import Looks
from personalize.phantom.face.rig import Rig

BROW_END = 0.455
"""Distance of the brow's outer end from the midline."""
IRIS_RADIUS = 0.057


class Layers(NamedTuple):
    """Coverage of each thing that has its own colour."""

    brow: Array
    sclera: Array
    iris: Array
    pupil: Array
    glint: Array
    lash: Array
    lid_shadow: Array
    """Shade of the upper lid on the eye."""
    lips: Array
    lip_shade: Array
    """Darkening of the lips, 0-1."""
    cavity: Array
    teeth: Array
    tongue: Array
    nostril: Array
    crease: Array
    """Lines that darken the skin."""


def brow_curve(rig: Rig, e: Array) -> Array:
    """Height of the brow's middle line at share `e` of the way from its inner (0) to its outer end (1)."""
    inner, middle, outer = rig.brow
    return inner + (outer - inner) * e + (4 * middle - 2 * (inner + outer)) * e * (1 - e)


def lid_curves(rig: Rig, e: Array) -> tuple[Array, Array]:
    """Heights of the upper and the lower lid over the eye's centre; `e` is -1 at the inner, 1 at the outer corner."""
    _, upper, _, lower = rig.eye_size
    arch = jnp.maximum(1 - e * e, 0)
    # The upper lid is highest inside, the lower lid deepest outside the middle: an almond, not an ellipse.
    tilt = 0.012 * e - 0.012 * e * arch
    return upper * arch + tilt, -lower * arch + tilt


def lip_curves(rig: Rig, e: Array) -> tuple[Array, Array, Array, Array]:
    """Heights from above: upper lip's outer and inner, lower lip's inner and outer border.

    `e` is 0 at the midline, 1 at the mouth's corner.
    """
    mouth_y, _, corner = rig.mouth
    arch = jnp.maximum(1 - e * e, 0)
    middle = mouth_y + corner * e * e
    top, bottom = middle + rig.gap[0] * arch * (1 + 0.4 * e), middle - rig.gap[1] * arch
    cupid = 1 + 0.18 * bump(((e - 0.25) / 0.3) ** 2) - 0.14 * bump((e / 0.15) ** 2)
    above = top + rig.lips[0] * arch * cupid
    below = bottom - rig.lips[1] * jnp.sqrt(arch + 1e-6) * (0.50 + 0.50 * arch)
    return above, top, bottom, below


def _brow_cover(looks: Looks, rig: Rig, x: Array, y: Array, soft: Array) -> Array:
    e = (x - rig.brow_inner) / (BROW_END - rig.brow_inner)
    off = y - brow_curve(rig, e)
    thick = 0.033 * looks.brow_thickness * (1.1 - 0.75 * e)
    return jnp.clip(1.25 * between(off, -thick, thick, 1.6 * soft + 0.022), 0, 1) * between(e, 0, 1, 0.22)


def _eye_layers(
    lashes: Array, rig: Rig, x: Array, y: Array, gaze: tuple[Array, Array], glints: list, soft: Array
) -> tuple[Array, ...]:
    """Coverage of opening, iris, pupil, glints, lashes, lid's shadow and lid's crease."""
    eye_x, eye_y = rig.eye
    width, _, crease, _ = rig.eye_size
    dx, dy = x - eye_x, y - eye_y
    e = dx / width
    arch = jnp.maximum(1 - e * e, 0)
    top, bottom = lid_curves(rig, e)
    hole = between(dy, bottom, top, soft) * (arch > 0) * jnp.clip((top - bottom) / soft, 0, 1)
    ix, iy = dx - 0.045 * gaze[0], dy - 0.006 - 0.030 * gaze[1]
    r = jnp.sqrt(ix * ix + iy * iy + 1e-9)
    iris = jnp.clip((IRIS_RADIUS - r) / soft + 0.5, 0, 1)
    pupil = jnp.clip((0.024 - r) / soft + 0.5, 0, 1)
    glint = jnp.zeros_like(ix)
    for right, up, radius, strength in glints:
        away = jnp.sqrt((ix - IRIS_RADIUS * right) ** 2 + (iy - IRIS_RADIUS * up) ** 2 + 1e-9)
        glint = jnp.maximum(glint, strength * jnp.clip((IRIS_RADIUS * radius - away) / soft + 0.5, 0, 1))
    inside = jnp.clip((1.10 - jnp.abs(e)) * 6, 0, 1)
    drawn = jnp.clip(lashes - 1, 0, 1)
    wing = jnp.clip(e - 0.9, 0, 1) * drawn
    lash = line(dy - top - 0.005 - 0.10 * wing, 0.026 * lashes) * (0.75 + 0.25 * e)
    lash = lash * jnp.clip((1.10 + 0.35 * drawn - jnp.abs(e)) * 6, 0, 1) * jnp.where(e < 0, inside, 1)
    rim = line(dy - bottom + 0.006, 0.016 * lashes) * inside * (0.35 + 0.4 * drawn)
    fold = line(dy - crease * (0.35 + 0.65 * arch) - 0.012 * e, 0.024) * inside * 0.60
    return hole, iris * hole, pupil * hole, glint * hole, jnp.maximum(lash, rim), step(0.045, 0, top - dy) * hole, fold


def _mouth_layers(rig: Rig, x: Array, y: Array, soft: Array) -> tuple[Array, ...]:
    """Coverage of lips, their shade, cavity, teeth and tongue, and of the dark line between closed lips."""
    width = rig.mouth[1]
    e = jnp.clip(x / width, 0, 1.2)
    above, top, bottom, below = lip_curves(rig, e)
    within = e < 1
    lips = between(y, below, above, 1.3 * soft + 0.012) * within
    between_lips = top - bottom
    opening = jnp.clip(between_lips / soft - 0.15, 0, 1)
    cavity = between(y, bottom, top, soft) * within * opening
    upper = step(-0.01, 0.01, y - 0.5 * (top + bottom))
    shade = 0.30 * upper + 0.25 * step(bottom - 0.03, below, y)
    teeth = between(y, top - 0.045 - 0.25 * (between_lips - 0.05), top - 0.004, soft) * step(0.90, 0.6, e) * cavity
    tongue = bump((x / (0.8 * width)) ** 2 + ((y - bottom) / 0.11) ** 2) * cavity
    seam = line(y - 0.5 * (top + bottom), 0.020) * jnp.clip((1.05 - e) * 12, 0, 1)
    corner = bump(((x - width) / 0.035) ** 2 + ((y - rig.mouth[0] - rig.mouth[2]) / 0.024) ** 2)
    return lips, shade, cavity, teeth, tongue, jnp.maximum(seam * (1 - opening), (0.45 + 0.55 * rig.dimple) * corner)


def layers(
    looks: Looks, rig: Rig, x: Array, y: Array, gaze: tuple[Array, Array], glints: list[tuple[Array, ...]], soft: Array
) -> Layers:
    """Coverage of everything painted on a face; `gaze` and glints in face coordinates of this half (out, up)."""
    hole, iris, pupil, glint, lash, shadow, lid = _eye_layers(looks.lashes, rig, x, y, gaze, glints, soft)
    lips, shade, cavity, teeth, tongue, seam = _mouth_layers(rig, x, y, soft)
    nostril_y, _, wing = rig.nose
    nostril = bump(((x - 0.50 * wing) / 0.044) ** 2 + ((y - nostril_y + 0.022) / 0.024) ** 2)
    return Layers(
        brow=_brow_cover(looks, rig, x, y, soft),
        sclera=hole,
        iris=iris,
        pupil=pupil,
        glint=glint,
        lash=lash,
        lid_shadow=shadow,
        lips=lips,
        lip_shade=shade,
        cavity=cavity,
        teeth=teeth,
        tongue=tongue,
        nostril=jnp.clip(1.4 * nostril, 0, 1),
        crease=jnp.maximum(lid, 0.9 * seam),
    )
