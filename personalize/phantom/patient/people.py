"""Who the phantom people are: what they look like, how they show pain and how they rate it."""

from dataclasses import dataclass, replace
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Interval
from jaxtyping import Float

from personalize.phantom.face.looks import Demographics, sample_looks
from personalize.phantom.face.parameters import INDEX, MAXIMUM, MUSCLES, Looks
from personalize.phantom.patient.biosignals import Reactivity
from personalize.phantom.patient.raters import Habit, sample_habit

PAIN = {
    "AU04": 4.0,
    "AU06": 3.5,
    "AU07": 4.0,
    "AU09": 3.0,
    "AU10": 3.5,
    "AU12": 0.6,
    "AU15": 0.8,
    "AU17": 1.2,
    "AU20": 2.5,
    "AU23": 0.8,
    "mouth": 0.35,
    "lids": 0.8,
}
"""What the average face shows at pain 10."""
REGIONS = (
    ("AU04",),
    ("AU06", "AU07", "lids"),
    ("AU09", "AU10"),
    ("AU12", "AU15", "AU17", "AU20", "AU23", "mouth"),
)
"""Brows, eyes, nose and upper lip, mouth: a person shows pain more with some of them than with others."""
REGION = np.array([next((i for i, r in enumerate(REGIONS) if name in r), -1) for name in MUSCLES])
"""Index into `REGIONS` of each of `MUSCLES`, -1 for those that pain does not move."""
REST = {
    "AU01": 0.5,
    "AU02": 0.3,
    "AU04": 0.7,
    "AU06": 0.35,
    "AU07": 0.6,
    "AU09": 0.2,
    "AU10": 0.4,
    "AU12": 0.4,
    "AU15": 0.4,
    "AU17": 0.3,
    "AU20": 0.2,
}
"""Mean tone of resting muscles."""

Share = Annotated[float, Interval(ge=0, le=1)]
Spread = Annotated[float, Ge(0)]


@dataclass(frozen=True)
class PeopleConfig:
    """How much people differ. Zero for a spread makes everyone the same in that respect."""

    ages: tuple[float, float] = (18.0, 88.0)
    """Youngest and oldest, years."""
    looks: Share = 1.0
    """Share of the full variety of heads, features, skin tones, ages, hair and glasses."""
    lines: Spread = 1.0
    """Factor of the lines, folds and sagging of age, which look like a frown at rest."""
    strength: Spread = 1.0
    """Factor of how strongly everyone shows pain; 0 for faces that tell nothing."""
    expressiveness: Spread = 0.45
    """Standard deviation of the logarithm of how strongly a person shows pain."""
    stoic: Share = 0.1
    """Share of people who show almost nothing."""
    pattern: Share = 0.85
    """How much of the pattern over brows, eyes, nose and mouth is the person's own."""
    resting: Spread = 1.0
    """Factor of the resting tone that mimics expression."""
    asymmetry: Spread = 0.10
    """Standard deviation of the difference between the sides, as a share."""
    delay: Spread = 0.4
    """Standard deviation of the logarithm of the delay from pain to expression, about 0.2 s."""
    threshold: Spread = 0.6
    """Standard deviation of the pain (of 10) below which nothing shows, about 0.8."""
    ceiling: Spread = 0.15
    """Standard deviation of the largest share of a muscle's range that pain uses, about 0.9."""
    habituation: Spread = 0.3
    """Mean share of the expression that is lost per minute of pain; people differ as much as an exponential."""
    drift: Spread = 0.05
    """Standard deviation of the change of each resting tone per minute, FACS intensity."""
    reactivity: Spread = 0.35
    """Standard deviation of the logarithm of the strength of muscle and skin signals."""
    rating_gain: Spread = 0.35
    """Standard deviation of the logarithm of the person's rating per unit of pain."""
    rating_offset: Spread = 0.9
    """Standard deviation of what the person's ratings are off by, in points of 10."""
    rating_noise: Spread = 0.4
    """Standard deviation of a rating given again for the same pain, in points of 10."""
    digits: Share = 0.25
    """Mean share of ratings that go to a favourite number (0, 5 or 10) near by."""
    refusal: Share = 0.03
    """Mean share of questions that get no answer."""


VARIED = PeopleConfig()
"""The default: people differ about as much as in studies of pain."""
SPREADS = (
    *("looks", "lines", "expressiveness", "stoic", "pattern", "resting", "asymmetry", "delay", "threshold", "ceiling"),
    *("habituation", "drift", "reactivity", "rating_gain", "rating_offset", "rating_noise", "digits", "refusal"),
)
"""Fields of `PeopleConfig` in which people differ."""
ALIKE = replace(VARIED, **dict.fromkeys(SPREADS, 0.0))
"""Everyone has the same face, shows and rates pain alike and without noise."""


class Signature(NamedTuple):
    """How a person shows pain; arrays have one value per muscle, in the order of `MUSCLES`."""

    gain: Float[np.ndarray, "16"]
    """Value of each muscle at pain 10, fresh and beyond all thresholds."""
    rest: Float[np.ndarray, "16"]
    """Value of each muscle with no expression at all."""
    ceiling: Float[np.ndarray, "16"]
    """Largest value that pain gives each muscle."""
    delay: Float[np.ndarray, "16"]
    """Seconds from pain to expression."""
    threshold: float
    """Pain (of 10) below which nothing shows."""
    habituation: float
    """Share of the expression lost per minute of pain."""
    drift: Float[np.ndarray, "16"]
    """Change of the resting tone per minute."""
    asymmetry: Float[np.ndarray, "16"]
    """The subject's left side moves more by this share."""
    stoic: bool


class Person(NamedTuple):
    """A phantom person."""

    looks: Looks
    """Unbatched: every leaf is one value or one colour."""
    about: Demographics
    signature: Signature
    reactivity: Reactivity
    habit: Habit
    """How the person rates."""


def sample_person(seed: int | list[int], people: PeopleConfig = VARIED) -> Person:
    """The person of a seed. The same seed gives the same draws whatever the spreads are."""
    looks_rng, pain_rng, signal_rng, rating_rng = np.random.default_rng(seed).spawn(4)
    looks, about = sample_looks(looks_rng, people.looks, people.ages, people.lines)
    habit = sample_habit(
        rating_rng,
        gain=people.rating_gain,
        offset=people.rating_offset,
        noise=people.rating_noise,
        digits=people.digits,
        refusal=people.refusal,
    )
    return Person(looks, about, sample_signature(pain_rng, people), _reactivity(signal_rng, people.reactivity), habit)


def sample_signature(rng: np.random.Generator, people: PeopleConfig) -> Signature:
    """How somebody of these people shows pain."""
    strength = people.strength * np.exp(people.expressiveness * rng.normal())
    stoic = bool(rng.uniform() < people.stoic)
    gain = strength * (0.1 if stoic else 1.0) * _pattern(rng, people.pattern)
    rest = np.zeros(len(MUSCLES))
    for name, mean in REST.items():
        rest[INDEX[name]] = min(people.resting * mean * rng.exponential(), 2.0)
    rest[INDEX["lids"]] = min(0.06 * people.resting * rng.exponential(), 0.25)
    n = len(MUSCLES)
    return Signature(
        gain=np.minimum(gain, 1.4 * MAXIMUM),
        rest=rest,
        ceiling=MAXIMUM * np.clip(0.9 + people.ceiling * rng.normal(size=n), 0.4, 1),
        delay=np.minimum(0.2 * np.exp(people.delay * rng.normal() + 0.5 * people.delay * rng.normal(size=n)), 2),
        threshold=float(np.clip(0.8 + people.threshold * rng.normal(), 0, 4)),
        habituation=float(min(people.habituation * rng.exponential(), 0.95)),
        drift=people.drift * rng.normal(size=n) * (MAXIMUM > 1),
        asymmetry=np.clip(people.asymmetry * (rng.normal() + 0.5 * rng.normal(size=n)), -0.4, 0.4),
        stoic=stoic,
    )


def _pattern(rng: np.random.Generator, own: float) -> Float[np.ndarray, "16"]:
    """Value of each muscle at pain 10: the average face's, shifted between the regions by the person's own share."""
    weights = 1 - own + own * len(REGIONS) * rng.dirichlet(np.full(len(REGIONS), 1.2))
    gain = np.zeros(len(MUSCLES))
    for region, weight in zip(REGIONS, weights, strict=True):
        for name in region:
            gain[INDEX[name]] = PAIN[name] * weight * np.exp(0.3 * own * rng.normal())
    return gain


def _reactivity(rng: np.random.Generator, spread: float) -> Reactivity:
    emg, eda, noise, level = np.exp(spread * rng.normal(size=4))
    return Reactivity(emg=float(emg), eda=float(eda), emg_noise=float(2 * noise), eda_level=float(3 * level))
