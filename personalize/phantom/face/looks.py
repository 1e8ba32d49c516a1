"""What a phantom person looks like: heads, features, skin, hair, age, glasses, scars."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from personalize.phantom.face.parameters import Looks

MONK = ("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
"""The ten tones of the Monk Skin Tone scale (Monk 2019, sRGB)."""
HAIR = ("14100e", "2a1b12", "4a2f1d", "6e4526", "b08d57", "7d3a1c")
IRIS = ("2b1a10", "4a2f1a", "5c5a34", "4f6f86", "6d8a94")


class Demographics(NamedTuple):
    """What a study would write down about a person."""

    age: int
    """Years."""
    sex: str
    """F or M."""
    skin_tone: int
    """Monk scale, 1 light to 10 dark."""
    glasses: bool


def sample_looks(
    rng: np.random.Generator,
    variety: float | int = 1.0,
    ages: tuple[float | int, float | int] = (18, 88),
    lines: float | int = 1.0,
) -> tuple[Looks, Demographics]:
    """Looks of a person between two ages, unbatched. `variety` 0 gives everyone the middle of all ranges; `lines` is
    a factor of the lines, folds and sagging of age. The same generator gives the same draws whatever the ranges are.
    """
    draw = {name: 0.5 + variety * (rng.uniform() - 0.5) for name in _DRAWS}
    tone = 1 + int(9.999 * draw["tone"])
    age = round(ages[0] + (ages[1] - ages[0]) * draw["age"])
    sex = "F" if draw["sex"] < 0.5 else "M"
    about = Demographics(age, sex, tone, draw["glasses"] > 0.78)
    return _looks(draw, about, lines), about


_DRAWS = (
    *("tone", "age", "sex", "glasses", "hair", "grey", "iris", "width", "jaw", "eye", "spacing", "brow"),
    *("slant", "bush", "nose", "wing", "mouth", "lips", "hairline", "length", "beard", "texture", "warmth"),
    *("volume", "curl", "fringe", "frames", "scar"),
)


def _looks(draw: dict[str, float], about: Demographics, lines: float) -> Looks:
    age, sex, tone, glasses = about

    def span(name: str, middle: float, reach: float) -> np.float32:
        return np.float32(middle + reach * (2 * draw[name] - 1))

    male = sex == "M"
    bald = male and draw["hairline"] > 0.85 and age > 35
    return Looks(
        skin=_skin(tone, draw["warmth"]),
        hair=_hair(draw, tone, age),
        iris=_rgb(IRIS[int(draw["iris"] * (4.99 if tone <= 4 else 1.99))]),
        sclera=np.float32(1),
        lashes=np.float32(1),
        age=np.float32(lines * np.clip((age - 25) / 55, 0, 1)),
        head_width=span("width", 1.0, 0.07),
        jaw=span("jaw", 0.2 if male else -0.2, 0.8),
        eye_size=span("eye", 1.0, 0.13),
        eye_spacing=span("spacing", 1.0, 0.07),
        brow_height=span("brow", 0.0, 0.04),
        brow_slant=span("slant", 0.0, 0.05),
        brow_thickness=span("bush", 1.15 if male else 0.85, 0.35),
        nose_length=span("nose", 1.0, 0.09),
        nose_width=span("wing", 1.0 + 0.02 * (tone - 5), 0.15),
        mouth_width=span("mouth", 1.0, 0.13),
        lip_thickness=span("lips", 1.0 - 0.003 * (age - 40) + 0.03 * (tone - 4), 0.30),
        hairline=np.float32(1.0 if bald else 0.75 * draw["hairline"] if male else 0.45 * draw["hairline"]),
        hair_length=np.float32(0.45 * draw["length"] if male else 0.25 + 0.75 * draw["length"]),
        hair_volume=np.float32(0.15 + 0.7 * draw["volume"]),
        hair_curl=np.float32(np.clip((1.6 if tone >= 8 else 1.0) * (2 * draw["curl"] - 0.9), 0, 1)),
        fringe=np.float32(np.clip(1.8 * draw["fringe"] - 0.9, 0, 1) * (1 if male else 1.2) * (draw["hairline"] < 0.6)),
        beard=np.float32(np.clip(2.5 * (draw["beard"] - 0.6), 0, 1) if male else 0),
        glasses=np.float32(glasses),
        frames=np.float32(draw["frames"]),
        scar=_scar(draw["scar"]),
        texture=np.float32(6.28 * draw["texture"]),
    )


def _scar(draw: float) -> Float[np.ndarray, "4"]:
    """One person in ten has a scar on forehead, cheek or chin."""
    places = ((-0.25, 0.42, 0.7), (0.40, -0.25, 1.2), (-0.38, -0.42, 2.0), (0.15, -0.85, 0.3))
    strength = np.clip(10 * (draw - 0.9), 0, 1)
    return np.array([0.5 * (strength > 0) + 0.5 * strength, *places[int(draw * 997) % len(places)]], np.float32)


def _rgb(code: str) -> Float[np.ndarray, "3"]:
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


def _skin(tone: int, warmth: float) -> Float[np.ndarray, "3"]:
    """A Monk tone as living skin: the scale's swatches are paler or darker, and greyer, than faces in the light."""
    dark, light = max(tone - 5, 0) / 5, np.clip((7 - tone) / 4, 0, 1)
    shift = np.array([-0.01, -0.115, -0.12]) * light + np.array([0.17, 0.10, 0.07]) * dark
    warm = np.array([0.02, 0.0, -0.03]) * (2 * warmth - 1)
    color = 0.96 * _rgb(MONK[tone - 1]) + shift + warm
    grey = 0.20 - 0.08 * light
    return np.clip((1 - grey) * color + grey * color.mean(), 0.1, 1).astype(np.float32)


def _hair(draw: dict[str, float], tone: int, age: int) -> Float[np.ndarray, "3"]:
    own = _rgb(HAIR[int(draw["hair"] * (5.99 if tone <= 4 else 1.99))])
    grey = np.clip((age - 38 - 25 * draw["grey"]) / 25, 0, 1)
    white = 0.72 - 0.085 * max(tone - 4, 0)  # salt and pepper on dark heads, which face finders need, too
    return (own + (white - own) * grey).astype(np.float32)
