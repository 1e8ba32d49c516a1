"""Who the phantom people are: what they look like, how they show pain and how they rate it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from personalize.phantom.parameters import AUS, INDEX, MAXIMUM, Looks

MONK = ("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
"""The ten tones of the Monk Skin Tone scale (Monk 2019, sRGB)."""
HAIR = ("14100e", "2a1b12", "4a2f1d", "6e4526", "b08d57", "7d3a1c")
IRIS = ("2b1a10", "4a2f1a", "5c5a34", "4f6f86", "6d8a94")
PAIN = {
    "AU04": 4.0,
    "AU06": 3.5,
    "AU07": 4.0,
    "AU09": 3.0,
    "AU10": 3.5,
    "AU12": 0.6,
    "AU20": 2.5,
    "AU26": 2.2,
    "AU43": 0.8,
}
"""What the average face shows at pain 10."""
REGIONS = (("AU04",), ("AU06", "AU07", "AU43"), ("AU09", "AU10"), ("AU12", "AU20", "AU26"))
"""Brows, eyes, nose and upper lip, mouth: a person shows pain more with some of them than with others."""
REST = {
    "AU01": 0.5,
    "AU02": 0.3,
    "AU04": 0.7,
    "AU06": 0.35,
    "AU07": 0.6,
    "AU09": 0.2,
    "AU10": 0.4,
    "AU12": 0.4,
    "AU20": 0.2,
}
"""Mean tone of resting muscles."""


@dataclass(frozen=True)
class PeopleConfig:
    """How much people differ. Zero for a field makes everyone the same in that respect."""

    looks: float = 1.0
    """Share of the full variety of heads, features, skin tones, ages, hair and glasses, 0-1."""
    expressiveness: float = 0.45
    """Standard deviation of the logarithm of how strongly a person shows pain."""
    pattern: float = 0.85
    """How much of the pattern over brows, eyes, nose and mouth is the person's own, 0-1."""
    resting: float = 1.0
    """Factor of the resting tone that mimics expression."""
    asymmetry: float = 0.10
    """Standard deviation of the difference between the sides, as a share."""
    rating_gain: float = 0.35
    """Standard deviation of the logarithm of the person's rating per unit of pain."""
    rating_offset: float = 0.9
    """Standard deviation of what the person's ratings are off by, in points of 10."""
    rating_noise: float = 0.4
    """Standard deviation of a rating given again for the same pain, in points of 10."""


VARIED = PeopleConfig()
"""The default: people differ about as much as in studies of pain."""
ALIKE = PeopleConfig(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Everyone has the same face, shows and rates pain alike and without noise."""


class Signature(NamedTuple):
    """How a person shows and rates pain."""

    gain: Float[np.ndarray, "11"]
    """Intensity of each of `AUS` at pain 10."""
    rest: Float[np.ndarray, "11"]
    """Intensity of each of `AUS` with no expression at all."""
    rating_gain: float
    rating_offset: float
    rating_noise: float


class Person(NamedTuple):
    """A phantom person."""

    looks: Looks
    """Unbatched: every leaf is one value or one colour."""
    signature: Signature
    age: int
    """Years."""
    sex: str
    """F or M."""
    skin_tone: int
    """Monk scale, 1 light to 10 dark."""
    glasses: bool


def sample_person(seed: int | list[int], people: PeopleConfig = VARIED) -> Person:
    """The person of a seed. The same seed gives the same draws whatever the spreads are."""
    looks_rng, pain_rng = np.random.default_rng(seed).spawn(2)
    draw = {name: 0.5 + people.looks * (looks_rng.uniform() - 0.5) for name in _DRAWS}
    tone = 1 + int(9.999 * draw["tone"])
    age = round(18 + 70 * draw["age"])
    sex = "F" if draw["sex"] < 0.5 else "M"
    glasses = draw["glasses"] > 0.78
    looks = _looks(draw, tone, age, sex, glasses, people.asymmetry * looks_rng.normal())
    return Person(looks, _signature(pain_rng, people), age, sex, tone, glasses)


_DRAWS = (
    *("tone", "age", "sex", "glasses", "hair", "grey", "iris", "width", "jaw", "eye", "spacing", "brow"),
    *("slant", "bush", "nose", "wing", "mouth", "lips", "hairline", "length", "beard", "texture", "warmth"),
)


def _looks(draw: dict[str, float], tone: int, age: int, sex: str, glasses: bool, asymmetry: float) -> Looks:
    def span(name: str, middle: float, reach: float) -> np.float32:
        return np.float32(middle + reach * (2 * draw[name] - 1))

    male = sex == "M"
    bald = male and draw["hairline"] > 0.85 and age > 35
    return Looks(
        skin=_skin(tone, draw["warmth"]),
        hair=_hair(draw, tone, age),
        iris=_rgb(IRIS[int(draw["iris"] * (4.99 if tone <= 4 else 1.99))]),
        age=np.float32(np.clip((age - 25) / 55, 0, 1)),
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
        beard=np.float32(np.clip(2.5 * (draw["beard"] - 0.6), 0, 1) if male else 0),
        glasses=np.float32(glasses),
        asymmetry=np.float32(np.clip(asymmetry, -0.3, 0.3)),
        texture=np.float32(6.28 * draw["texture"]),
    )


def _rgb(code: str) -> Float[np.ndarray, "3"]:
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255


def _skin(tone: int, warmth: float) -> Float[np.ndarray, "3"]:
    """A Monk tone as living skin: the scale's swatches are paler or darker, and greyer, than faces in the light."""
    dark = max(tone - 5, 0) / 5
    shift = np.array([-0.02, -0.09, -0.13]) * (1 - dark) + np.array([0.17, 0.10, 0.07]) * dark
    warm = np.array([0.02, 0.0, -0.03]) * (2 * warmth - 1)
    color = 0.96 * _rgb(MONK[tone - 1]) + shift + warm
    return np.clip(0.85 * color + 0.15 * color.mean(), 0.1, 1).astype(np.float32)


def _hair(draw: dict[str, float], tone: int, age: int) -> Float[np.ndarray, "3"]:
    own = _rgb(HAIR[int(draw["hair"] * (5.99 if tone <= 4 else 1.99))])
    grey = np.clip((age - 38 - 25 * draw["grey"]) / 25, 0, 1)
    white = 0.72 - 0.085 * max(tone - 4, 0)  # salt and pepper on dark heads, which face finders need, too
    return (own + (white - own) * grey).astype(np.float32)


def _signature(rng: np.random.Generator, people: PeopleConfig) -> Signature:
    strength = np.exp(people.expressiveness * rng.normal())
    own = len(REGIONS) * rng.dirichlet(np.full(len(REGIONS), 1.2))
    weights = 1 - people.pattern + people.pattern * own
    gain, rest = np.zeros((2, len(AUS)))
    for region, weight in zip(REGIONS, weights, strict=True):
        for name in region:
            gain[INDEX[name]] = PAIN[name] * weight * strength * np.exp(0.3 * people.pattern * rng.normal())
    for name, mean in REST.items():
        rest[INDEX[name]] = min(people.resting * mean * rng.exponential(), 2.0)
    rest[INDEX["AU43"]] = min(0.06 * people.resting * rng.exponential(), 0.25)
    return Signature(
        gain=np.minimum(gain, 1.4 * MAXIMUM),
        rest=rest,
        rating_gain=float(np.exp(people.rating_gain * rng.normal())),
        rating_offset=people.rating_offset * rng.normal(),
        rating_noise=people.rating_noise,
    )
