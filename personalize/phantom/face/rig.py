"""From action units to shapes: where brows, lids, lips and folds of one half of the face are.

What each unit does follows the FACS manual (Ekman, Friesen & Hager 2002). Lengths are in head units.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from personalize.phantom.face.parameters import INDEX, LIPS_TOUCH, MAXIMUM, Looks


class Rig(NamedTuple):
    """Shapes of one half of a face; depths of folds and strengths of bulges are about 0-1."""

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
    """Depth of the horizontal lines at the middle and at the side."""
    glabella: Array
    """Depth of the vertical lines between the brows."""
    crow: Array
    """Depth of the crow's feet."""
    bag: Array
    """Depth of the furrow under the eye."""
    lid_bulge: Array
    """How much the lower lid stands out."""
    bunny: Array
    """Depth of the wrinkles across the nose's root."""
    nasolabial: Array
    """Depth of the fold from the nose's wing to the mouth's corner."""
    cheek: tuple[Array, Array]
    """Height of the cheek's apple and how much it stands out."""
    stretch: Array
    """Stretching of the skin beside the mouth."""
    dimple: Array
    """Depth of the pit beside the mouth's corner."""
    marionette: Array
    """Depth of the fold from the mouth's corner downwards."""
    chin: Array
    """Raising and puckering of the chin."""
    pucker: Array
    """Depth of the short lines across tightened lips."""
    jowl: Array
    """Sagging of the cheek over the jaw."""


def rig(looks: Looks, muscles: Array, parting: Array) -> Rig:
    """Shapes for `muscles` (in the order of `MUSCLES`) and lips that are `parting` apart (0-1), signs of age included.

    Age at rest resembles action units, as it does to those who code old faces: heavy brows and lines between them
    (4), lines at the nose's root and beside it (9, 10), drooping lids (43) and corners of the mouth (15).
    """
    u = dict(zip(INDEX, jnp.clip(muscles / MAXIMUM, 0, 1), strict=True))
    lined = 0.8 * looks.age * looks.age
    brow, inner = _brow(looks, u, lined)
    mouth, gap, lips = _mouth(looks, u, parting)
    a1, a2, a4, a6, a7, a9, a10, a12 = (u[f"AU{n:02}"] for n in (1, 2, 4, 6, 7, 9, 10, 12))
    a14, a15, a17, a20, a23, opening = u["AU14"], u["AU15"], u["AU17"], u["AU20"], u["AU23"], u["mouth"]
    return Rig(
        brow=brow,
        brow_inner=inner,
        eye=(0.278 * looks.eye_spacing, 0.02 + 0.012 * a6),
        eye_size=_lids(looks, u),
        nose=(
            -0.40 * looks.nose_length + 0.050 * a9 + 0.018 * a10,
            -0.335 * looks.nose_length + 0.025 * a9,
            (0.135 + 0.030 * a9 + 0.012 * a10 + 0.010 * a12) * looks.nose_width,
        ),
        mouth=mouth,
        gap=gap,
        lips=lips,
        drop=0.19 * jnp.clip((opening - 0.10) / 0.9, 0, 1),
        forehead=(0.55 * lined + 1.0 * a1 + 0.25 * a2, 0.5 * lined + 1.0 * a2 + 0.1 * a1),
        glabella=0.55 * lined + 1.2 * a4 + 0.25 * a9,
        crow=0.60 * lined + 1.3 * a6 + 0.25 * a12,
        bag=0.10 + 0.45 * lined + 1.1 * a6 + 0.6 * a7 + 0.2 * a9,
        lid_bulge=0.5 * a6 + 1.3 * a7 + 0.2 * looks.age,
        bunny=1.1 * a9 + 0.22 * lined,
        nasolabial=0.08 + 0.5 * lined + 0.75 * a9 + 1.0 * a10 + 0.65 * a12 + 0.3 * a6 + 0.15 * a20,
        cheek=(-0.27 + 0.05 * a12 + 0.11 * a6, 0.3 + 0.5 * a12 + 1.1 * a6 - 0.2 * looks.age),
        stretch=a20,
        dimple=1.5 * a14 + 0.35 * a12,
        marionette=0.40 * lined + 1.1 * a15,
        chin=a17 + 0.12 * a15,
        pucker=1.1 * a23 + 0.25 * lined,
        jowl=looks.age * looks.age,
    )


def _brow(looks: Looks, u: dict[str, Array], lined: Array) -> tuple[tuple[Array, Array, Array], Array]:
    a1, a2, a4, a6, a9 = (u[f"AU{n:02}"] for n in (1, 2, 4, 6, 9))
    y = 0.225 + looks.brow_height - 0.035 * lined
    heights = (
        y - 0.5 * looks.brow_slant + 0.150 * a1 - 0.105 * a4 - 0.060 * a9 - 0.025 * lined,
        y + 0.042 + 0.060 * a1 + 0.085 * a2 - 0.085 * a4 - 0.025 * a6 - 0.03 * a9,
        y + 0.5 * looks.brow_slant - 0.04 * lined + 0.140 * a2 - 0.040 * a4 - 0.050 * a6,
    )
    return heights, 0.105 - 0.055 * a4 - 0.01 * a9


def _lids(looks: Looks, u: dict[str, Array]) -> tuple[Array, Array, Array, Array]:
    """Raised lower lids (6, 7) and lowered upper lids (7, closure) narrow the eye in different ways."""
    a1, a2, a4, a5, a6, a7, a9 = (u[f"AU{n:02}"] for n in (1, 2, 4, 5, 6, 7, 9))
    open_up, open_down = 0.058 * looks.eye_size * (1 - 0.22 * looks.age), 0.045 * looks.eye_size
    lower = open_down * (1 - 1.25 * a7 - 0.85 * a6 - 0.25 * a9)
    upper = open_up * (1 + 0.08 * (a1 + a2) + 0.75 * a5 - 0.20 * a7 - 0.10 * a6 - 0.12 * a4 - 0.1 * a9)
    upper = jnp.maximum(upper, 0.012 - lower)
    upper = -lower + (upper + lower) * jnp.clip(1 - u["lids"] / 0.8, 0, 1)
    crease = jnp.maximum(open_up, upper) + 0.040 * (1 - 0.5 * a4 - 0.55 * a5) - 0.012 * looks.age
    return 0.140 * looks.eye_size, upper, crease, lower


def _mouth(
    looks: Looks, u: dict[str, Array], parting: Array
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array], tuple[Array, Array]]:
    """Position, gap between and thickness of the lips."""
    a6, a9, a10, a12, a14, a15, a17, a20, a23 = (u[f"AU{n:02}"] for n in (6, 9, 10, 12, 14, 15, 17, 20, 23))
    apart = jnp.maximum(parting - LIPS_TOUCH, 0)
    open_wide = jnp.maximum(u["mouth"] - LIPS_TOUCH, 0)
    lift = a10 + 0.6 * a9
    y = -0.62 + 0.026 * lift + 0.008 * a12 + 0.045 * a17 + 0.004 * a6
    width = 0.225 + 0.060 * a12 + 0.095 * a20 + 0.018 * a14 - 0.040 * open_wide - 0.038 * a23 - 0.01 * a17
    corner = 0.004 + 0.110 * a12 + 0.022 * a14 - 0.105 * a15 - 0.012 * a20 - 0.03 * lift - 0.05 * a17
    corner = corner - 0.025 * looks.age * looks.age
    gap = 0.022 * jnp.clip(apart / 0.05, 0, 1) + 0.31 * apart
    above = 0.10 + 0.85 * lift / (lift + 4 * apart + 0.1)
    thin = 1 - 0.60 * a20 - 0.72 * a23 - 0.18 * a14 - 0.2 * looks.age
    lips = (
        0.046 * looks.lip_thickness * jnp.maximum(thin - 0.25 * a12 - 0.25 * a17, 0.12) * (1 - 0.25 * open_wide),
        0.064 * looks.lip_thickness * jnp.maximum(thin - 0.15 * a12 + 0.30 * a17, 0.12) * (1 - 0.20 * open_wide),
    )
    return (y, width * looks.mouth_width, corner), (gap * above, gap * (1 - above)), lips
