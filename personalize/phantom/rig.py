"""From action units to shapes: where brows, lids, lips and folds of one half of the face are.

What each unit does follows the FACS manual (Ekman, Friesen & Hager 2002). Lengths are in head units.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from personalize.phantom.parameters import INDEX, MAXIMUM, Looks


class Rig(NamedTuple):
    """Shapes of one half of a face."""

    brow: tuple[Array, Array, Array]
    """Heights of the inner end, the middle and the outer end."""
    brow_inner: Array
    """Distance of the inner end from the midline."""
    eye: tuple[Array, Array]
    """Centre."""
    eye_size: tuple[Array, Array, Array, Array]
    """Half width; height of the upper lid, of its crease and depth of the lower lid at the middle."""
    nose: tuple[Array, Array, Array]
    """Height of the nostrils, of the tip, and half width across the wings."""
    mouth: tuple[Array, Array, Array]
    """Height of the middle, half width, height of the corner above the middle."""
    gap: tuple[Array, Array]
    """Parting above and below the mouth's middle height, at its middle."""
    lips: tuple[Array, Array]
    """Thickness of the upper and the lower lip at the middle."""
    drop: Array
    """Lowering of the chin."""
    forehead: tuple[Array, Array]
    """Depth of the horizontal lines at the middle and at the side, 0-1."""
    glabella: Array
    """Depth of the vertical lines between the brows, 0-1."""
    crow: Array
    """Depth of the crow's feet, 0-1."""
    bag: Array
    """Depth of the furrow under the eye, 0-1."""
    bunny: Array
    """Depth of the wrinkles across the nose's root, 0-1."""
    nasolabial: Array
    """Depth of the fold from the nose's wing to the mouth's corner, 0-1."""
    cheek: tuple[Array, Array]
    """Height of the cheek's apple and how much it stands out, 0-1."""
    stretch: Array
    """Stretching of the skin beside the mouth, 0-1."""


def rig(looks: Looks, aus: Array) -> Rig:
    """Shapes for the intensities `aus` (in the order of `AUS`), wrinkles of age included."""
    u = jnp.clip(aus / MAXIMUM, 0, 1)
    a1, a2, a4, a6, a7, a9, a10, a12, a20, a26, shut = (u[i] for i in range(len(INDEX)))
    lined = 0.8 * looks.age * looks.age
    brow_y = 0.235 + looks.brow_height
    slant = looks.brow_slant
    open_up = 0.062 * looks.eye_size * (1 - 0.10 * looks.age)
    open_down = 0.050 * looks.eye_size
    # Raised lower lids (6, 7) and lowered upper lids (7, 43) narrow the eye in different ways.
    lower = open_down * (1 - 0.70 * a7 - 0.70 * a6 - 0.25 * a9)
    upper = open_up * (1 + 0.08 * (a1 + a2) - 0.50 * a7 - 0.10 * a6 - 0.12 * a4)
    upper = -lower + (upper + lower) * (1 - shut)
    mouth_y = -0.595 + 0.020 * a10 + 0.015 * a9 + 0.01 * a12
    lift = 0.065 * a10 + 0.040 * a9
    return Rig(
        brow=(
            brow_y - 0.5 * slant + 0.150 * a1 - 0.105 * a4 - 0.045 * a9,
            brow_y + 0.038 + 0.055 * a1 + 0.075 * a2 - 0.085 * a4 - 0.020 * a6 - 0.02 * a9,
            brow_y + 0.5 * slant - 0.02 * lined + 0.140 * a2 - 0.040 * a4 - 0.040 * a6,
        ),
        brow_inner=0.115 - 0.055 * a4,
        eye=(0.295 * looks.eye_spacing, 0.02 + 0.006 * a6),
        eye_size=(0.158 * looks.eye_size, upper, jnp.maximum(open_up, upper) + 0.045 - 0.02 * a4, lower),
        nose=(
            -0.36 * looks.nose_length + 0.035 * a9 + 0.015 * a10,
            -0.30 * looks.nose_length + 0.015 * a9,
            (0.135 + 0.018 * a9 + 0.010 * a10 + 0.008 * a12) * looks.nose_width,
        ),
        mouth=(
            mouth_y,
            (0.225 + 0.055 * a12 + 0.080 * a20 - 0.035 * a26) * looks.mouth_width,
            0.006 + 0.100 * a12 - 0.018 * a20 - 0.02 * a10 - 0.012 * looks.age,
        ),
        gap=(0.9 * lift + 0.03 * a26, 0.275 * a26 + 0.014 * a10),
        lips=(
            0.048 * looks.lip_thickness * (1 - 0.45 * a20 - 0.25 * a12) * (1 - 0.25 * a26),
            0.066 * looks.lip_thickness * (1 - 0.45 * a20 - 0.15 * a12) * (1 - 0.20 * a26),
        ),
        drop=0.16 * a26,
        forehead=(0.55 * lined + 0.9 * a1 + 0.25 * a2, 0.5 * lined + 0.9 * a2 + 0.1 * a1),
        glabella=0.45 * lined + 1.1 * a4 + 0.2 * a9,
        crow=0.55 * lined + 0.9 * a6 + 0.25 * a12,
        bag=0.12 + 0.4 * lined + 0.85 * a6 + 0.35 * a7,
        bunny=0.8 * a9 + 0.1 * lined,
        nasolabial=0.12 + 0.5 * lined + 0.65 * a9 + 0.75 * a10 + 0.65 * a12 + 0.15 * a6 + 0.3 * a20,
        cheek=(-0.25 + 0.05 * a12 + 0.07 * a6, 0.3 + 0.5 * a12 + 0.7 * a6),
        stretch=a20,
    )
