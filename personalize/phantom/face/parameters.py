"""What a phantom face is made of: the parameters of the renderer."""

from typing import Any, NamedTuple

import numpy as np

# Leaves are numpy arrays outside the renderer and JAX tracers inside, so their type is left open.
Value = Any
"""Float, "*batch": one number per face."""
Vector = Any
"""Float, "*batch k": a colour, direction or row of action units per face."""
Grid = Any
"""Float, "*batch 5 5 3": coarse picture, rows from top to bottom."""
Seed = Any
"""Int, "*batch"."""

UNITS = (
    *("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10"),
    *("AU12", "AU14", "AU15", "AU17", "AU20", "AU23"),
)
"""Action units that are a muscle each, FACS intensity 0-5."""
MUSCLES = (*UNITS, "mouth", "lids")
"""What moves a phantom: `UNITS`; the opening of the mouth, 0 shut to 1 stretched wide; the closure of the lids, 0 open
to 1 shut. A coder sees AU25, 26, 27 and AU43, 45 in the last two (`facs.py`)."""
MAXIMUM = np.array([5.0] * len(UNITS) + [1.0, 1.0], np.float32)
"""Largest value of each of `MUSCLES`."""
LIPS_TOUCH = 0.04
"""`lip_parting` up to which lips still touch; beyond it AU25 is scored."""
INDEX = {name: i for i, name in enumerate(MUSCLES)}


class Looks(NamedTuple):
    """What stays with a person. Colours are sRGB in 0-1; sizes are factors around 1 unless said."""

    skin: Vector
    hair: Vector
    iris: Vector
    sclera: Value
    """Brightness of the white of the eye, a factor."""
    lashes: Value
    """Thickness of lashes and of what is drawn along them, a factor; beyond 1 they reach out over the outer corner."""
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
    hair_volume: Value
    """0 flat to 1 standing out."""
    hair_curl: Value
    """0 straight to 1 curly."""
    fringe: Value
    """0 none to 1 deep over the forehead."""
    beard: Value
    """0 shaven to 1 full."""
    glasses: Value
    """0 without, 1 with."""
    frames: Value
    """Of the glasses: 0 thin wire to 1 thick and dark."""
    scar: Vector
    """Strength 0-1, then place on the face (x to the subject's left, y up, head units) and direction in radians."""
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
    vergence: Value = np.float32(0)
    """Turn of both eyes towards the nose, in units of `gaze_x`; negative apart."""


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
    blur: Value
    """Standard deviation of the blur by lens and motion, as a share of the picture's side."""
    glints: Vector
    """Lamps and windows mirrored in both eyes, a row of four each: right and up of the pupil and radius, all in radii
    of the iris; strength 0-1."""
    shirt: Vector
    background: Grid


class Covers(NamedTuple):
    """What lies over the face or around it, each 0 (absent) to 1; numpy zeros for nothing."""

    oxygen_mask: Value
    tube: Value
    """Ventilator tube from the mouth, with tape across the cheeks."""
    hand: Value
    """How far a hand has come over the lower face, from beside it."""
    hand_side: Value
    """-1 from the left of the picture to 1 from the right."""
    blanket: Value
    """How far up a blanket is drawn: 0 below the picture, 1 up to the nose."""
    pillow: Value
    """A pillow behind the head, as in bed."""


class Face(NamedTuple):
    """Everything that determines the pixels of a picture. A batch has a leading axis on every leaf."""

    looks: Looks
    muscles: Vector
    """Columns are `MUSCLES`; means of both sides."""
    asymmetry: Vector
    """Per muscle: the subject's left side moves more by this share, the right side less."""
    view: View
    scene: Scene
    covers: Covers
    seed: Seed
    """Of the sensor's noise."""


def lip_parting(muscles: Vector) -> Value:
    """How far the lips are apart, 0-1: by the mouth's opening, and a little by strong raisers of the upper lip.

    For pictures and for coders alike, so that parted lips are seen exactly where AU25 is scored. Takes numpy and JAX.
    """
    levator, wrinkler = (muscles[..., INDEX[name]].clip(0, 5) / 5 for name in ("AU10", "AU09"))
    return (muscles[..., INDEX["mouth"]] + 0.12 * levator**2 + 0.05 * wrinkler**2).clip(0, 1)
