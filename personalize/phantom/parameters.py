"""What a phantom face is made of: the parameters of the renderer, the action units and the PSPI."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

# Leaves are numpy arrays outside the renderer and JAX tracers inside, so their type is left open.
Value = Any
"""Float, "*batch": one number per face."""
Vector = Any
"""Float, "*batch k": a colour, direction or row of action units per face."""
Grid = Any
"""Float, "*batch 5 5 3": coarse picture, rows from top to bottom."""
Seed = Any
"""Int, "*batch"."""

AUS = ("AU01", "AU02", "AU04", "AU06", "AU07", "AU09", "AU10", "AU12", "AU20", "AU26", "AU43")
"""Action units of a phantom, FACS intensity 0-5. AU26 is the opening of the mouth, lips parting (AU25) with its
beginning; AU43 is the closure of the lids, 0 open to 1 shut."""
MAXIMUM = np.array([5.0] * 10 + [1.0], np.float32)
"""Largest value of each of `AUS`."""
INDEX = {name: i for i, name in enumerate(AUS)}


class Looks(NamedTuple):
    """What stays with a person. Colours are sRGB in 0-1; sizes are factors around 1 unless said."""

    skin: Vector
    hair: Vector
    iris: Vector
    age: Value
    """0 smooth to 1 deeply lined."""
    head_width: Value
    jaw: Value
    """-1 narrow to 1 square."""
    eye_size: Value
    eye_spacing: Value
    brow_height: Value
    """Offset in head units (the half height of the head is 1)."""
    brow_slant: Value
    """Height of the outer above the inner end, head units."""
    brow_thickness: Value
    nose_length: Value
    nose_width: Value
    mouth_width: Value
    lip_thickness: Value
    hairline: Value
    """0 low to 1 bald."""
    hair_length: Value
    """0 cropped to 1 over the shoulders."""
    beard: Value
    """0 shaven to 1 full."""
    glasses: Value
    """0 without, 1 with."""
    asymmetry: Value
    """The left side's action units are stronger by this share, the right side's weaker."""
    texture: Value
    """Phase of skin and hair texture, any number."""


class View(NamedTuple):
    """Where the head is and looks. Angles in radians; the subject's left is the right of the picture."""

    yaw: Value
    """Positive turns the nose to the right of the picture."""
    pitch: Value
    """Positive looks up."""
    roll: Value
    """Positive tilts counter-clockwise."""
    x: Value
    """Centre of the head, -1 left to 1 right of the picture."""
    y: Value
    """Centre of the head, -1 bottom to 1 top of the picture."""
    scale: Value
    """Half height of the head as a share of half the picture."""
    gaze_x: Value
    """-1 left to 1 right of the picture."""
    gaze_y: Value
    """-1 down to 1 up."""


class Scene(NamedTuple):
    """Light, clothes, background and camera of a recording. Colours are sRGB in 0-1."""

    light: Vector
    """Direction towards the light: right, up, towards the camera; need not be of length 1."""
    light_color: Vector
    ambient: Value
    """Share of the light that comes from everywhere, 0-1."""
    exposure: Value
    noise: Value
    """Standard deviation of the sensor's noise, 0-1."""
    shirt: Vector
    background: Grid


class Face(NamedTuple):
    """Everything that determines the pixels of a picture. A batch has a leading axis on every leaf."""

    looks: Looks
    aus: Vector
    """Columns are `AUS`."""
    view: View
    scene: Scene
    seed: Seed
    """Of the sensor's noise."""


def pspi(aus: Float[np.ndarray, "n 11"]) -> Float[np.ndarray, "n"]:
    """Prkachin-Solomon pain intensity of rows of `AUS`: AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, 0-16.

    Prkachin & Solomon, Pain 139 (2008) 267-274.
    """
    au = {name: aus[..., i] for name, i in INDEX.items()}
    return au["AU04"] + np.maximum(au["AU06"], au["AU07"]) + np.maximum(au["AU09"], au["AU10"]) + au["AU43"]
