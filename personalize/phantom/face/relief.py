"""The third dimension of a face: bumps and hollows on the head, and the folds that age and muscles press into it.

`x` is the distance from the midline (both halves at once, told apart by the `Rig`), `y` height; head units.
"""

import jax.numpy as jnp
from jax import Array

from personalize.phantom.face.geometry import between, bump, line, step, wave
from personalize.phantom.face.rig import Rig


def nose_height(rig: Rig, x: Array, y: Array) -> Array:
    """Relief of the nose."""
    nostril_y, tip_y, wing = rig.nose
    along = jnp.clip((0.10 - y) / (0.10 - tip_y), 0, 1)
    ridge = bump((x / (0.085 + 0.045 * along)) ** 2) * step(0.18, -0.02, y) * step(tip_y - 0.10, tip_y, y)
    tip = bump((x * x + (y - tip_y) ** 2) / 0.115**2)
    wings = bump(((x - 0.70 * wing) / 0.080) ** 2 + ((y - nostril_y - 0.020) / 0.085) ** 2)
    return ridge * (0.045 + 0.070 * along) + 0.055 * tip + 0.045 * wings


def relief(rig: Rig, x: Array, y: Array) -> Array:
    """Height of sockets, brow ridge, cheeks, lips and chin above the head, without the nose."""
    return _upper_relief(rig, x, y) + _lower_relief(rig, x, y)


def _upper_relief(rig: Rig, x: Array, y: Array) -> Array:
    eye_x, eye_y = rig.eye
    cheek_y, cheek = rig.cheek
    dx, dy = x - eye_x, y - eye_y
    lower = rig.eye_size[3]
    socket = bump(((dx + 0.02) / 0.23) ** 2 + ((dy - 0.02) / 0.17) ** 2)
    ball = bump((dx / 0.15) ** 2 + (dy / 0.105) ** 2)
    lid = bump((dx / 0.15) ** 2 + ((dy + lower + 0.040) / 0.045) ** 2)
    sac = bump((dx / 0.15) ** 2 + ((dy + 0.125) / 0.06) ** 2)
    ridge = bump(((x - 0.25) / 0.34) ** 2 + ((y - rig.brow[1] + 0.02) / 0.11) ** 2)
    frown = bump(((x - 0.085) / 0.08) ** 2 + ((y - rig.brow[0]) / 0.10) ** 2)
    apple = bump(((x - 0.35) / 0.23) ** 2 + ((y - cheek_y) / 0.20) ** 2)
    return (
        -0.080 * socket
        + 0.045 * ball
        + 0.030 * rig.lid_bulge * lid
        + 0.018 * rig.bag * sac
        + 0.028 * ridge
        + 0.030 * rig.glabella * frown
        + (0.020 + 0.055 * cheek) * apple
    )


def _lower_relief(rig: Rig, x: Array, y: Array) -> Array:
    mouth_y, mouth_w, corner = rig.mouth
    at_chin = y + 0.85 + rig.drop - 0.03 * rig.chin
    muzzle = bump((x / 0.34) ** 2 + ((y - mouth_y) / 0.24) ** 2)
    lips = bump((x / mouth_w) ** 2 + ((y - mouth_y - rig.gap[0] - 0.5 * rig.lips[0]) / 0.05) ** 2)
    lips = lips + 1.3 * bump((x / mouth_w) ** 2 + ((y - mouth_y + rig.gap[1] + 0.6 * rig.lips[1]) / 0.055) ** 2)
    chin = bump((x / 0.20) ** 2 + (at_chin / 0.14) ** 2)
    groove = bump((x / 0.17) ** 2 + ((at_chin - 0.125) / 0.05) ** 2)
    beside, beneath = x - mouth_w - 0.035, y - mouth_y - corner
    dimple = bump((beside / 0.045) ** 2 + (beneath / 0.07) ** 2)
    knot = bump(((beside - 0.06) / 0.07) ** 2 + (beneath / 0.10) ** 2)
    pouch = bump((beside / 0.09) ** 2 + ((beneath + 0.10) / 0.08) ** 2)
    jowl = bump(((x - 0.36) / 0.15) ** 2 + ((y + 0.75) / 0.13) ** 2)
    # A puckered chin is pitted like the skin of an orange.
    pits = wave(62 * x + 1.57) * wave(58 * y) * rig.chin
    return (
        0.05 * muzzle
        + 0.016 * lips
        + (0.035 + 0.035 * rig.chin + 0.006 * pits) * chin
        - (0.014 + 0.020 * rig.chin) * groove
        - (0.010 + 0.030 * rig.dimple) * dimple
        + 0.025 * rig.dimple * knot
        + 0.022 * rig.marionette * pouch
        + 0.040 * rig.jowl * jowl
    )


def folds(rig: Rig, x: Array, y: Array) -> Array:
    """Depth of all lines of skin, about 0-1: age and action units alike."""
    return _forehead(rig, x, y) + _around_eye(rig, x, y) + _around_mouth(rig, x, y)


def _forehead(rig: Rig, x: Array, y: Array) -> Array:
    side = step(0.12, 0.32, x)
    waves = line(_repeat(y - rig.brow[1] - 0.055 * (1 - 4 * (x - 0.2) ** 2), 0.085), 0.027)
    waves = waves * (rig.forehead[0] * (1 - side) + rig.forehead[1] * side)
    waves = waves * between(y, rig.brow[1] + 0.085, 0.56, 0.08) * step(0.50, 0.36, x)
    glabella = line(x - 0.040 - 0.12 * (y - 0.2), 0.026)
    return waves + glabella * between(y, rig.brow[0] - 0.09, rig.brow[0] + 0.14, 0.08) * rig.glabella


def _around_eye(rig: Rig, x: Array, y: Array) -> Array:
    eye_x, eye_y = rig.eye
    dx, dy = x - eye_x, y - eye_y
    from_corner = dx - rig.eye_size[0]
    ray = jnp.abs(jnp.abs(dy) - 0.55 * from_corner)
    crow = jnp.maximum(line(ray, 0.022), line(dy, 0.018)) * between(from_corner, 0.035, 0.15, 0.06)
    under = line(dy + 0.115 - 1.1 * dx * dx, 0.034) * between(dx, -0.15, 0.16, 0.10)
    bunny = line(_repeat(y + 0.50 * x, 0.072), 0.032) * between(y + 0.55 * x, -0.11, 0.13, 0.05)
    return crow * rig.crow + under * rig.bag + bunny * step(0.17, 0.09, x) * rig.bunny


def _around_mouth(rig: Rig, x: Array, y: Array) -> Array:
    nostril_y, _, wing = rig.nose
    mouth_y, mouth_w, corner = rig.mouth
    reach = jnp.maximum(nostril_y + 0.03 - mouth_y + 0.03, 0.05)
    t = (nostril_y + 0.03 - y) / reach
    fold_x = wing + 0.030 + (mouth_w + 0.050 - wing) * t * (1.35 - 0.35 * t)
    nasolabial = line(x - fold_x, 0.038) * step(-0.08, 0.10, t) * step(1.25, 0.85, t)
    pull = line(x - mouth_w - 0.055 - 0.6 * (y - mouth_y) ** 2, 0.030) * between(
        y, mouth_y - 0.12, mouth_y + 0.09, 0.07
    )
    beside, beneath = x - mouth_w - 0.030, y - mouth_y - corner
    dimple = line(beside + 4 * beneath * beneath, 0.028) * between(beneath, -0.07, 0.06, 0.06)
    marionette = line(beside - 0.015 + 0.25 * beneath, 0.030) * between(beneath, -0.20, 0.0, 0.08)
    across = bump((x / (0.9 * mouth_w)) ** 2) * jnp.maximum(
        bump(((y - mouth_y - rig.gap[0] - 0.055) / 0.05) ** 2), bump(((y - mouth_y + rig.gap[1] + 0.06) / 0.05) ** 2)
    )
    pucker = 0.8 * line(_repeat(x, 0.070), 0.030) * across
    groove = line(y + 0.735 + rig.drop - 0.03 * rig.chin + 1.5 * x * x, 0.034) * bump((x / 0.17) ** 2)
    return (
        nasolabial * rig.nasolabial
        + pull * rig.stretch
        + 1.2 * dimple * rig.dimple
        + marionette * rig.marionette
        + pucker * rig.pucker
        + groove * (0.12 + 1.1 * rig.chin)
    )


def _repeat(x: Array, period: float) -> Array:
    """Distance from the nearest middle of a period (`jnp.mod` takes ten times as long)."""
    return x - period * (jnp.floor(x / period) + 0.5)
