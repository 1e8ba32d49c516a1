"""Who rates phantom pain and how well: the person, and observers of the face."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Values = Float[np.ndarray, "n"]

FAVOURITES = np.array([0.0, 5.0, 10.0])


class Habit(NamedTuple):
    """How a person rates own pain on a scale of 0 to 10."""

    gain: float
    offset: float
    """Points of 10."""
    noise: float
    """Standard deviation of a rating given again for the same pain, points of 10."""
    digits: float
    """Share of ratings that go to a favourite number (0, 5, 10) if it is within a point and a half."""
    refusal: float
    """Share of questions without an answer."""


class Observer(NamedTuple):
    """How somebody rates what others show. All in shares of the scale."""

    gain: float
    bias: float
    noise: float
    """Standard deviation of the error that stays when the same moment is rated again."""
    repeatability: float
    """Standard deviation of the error that is new at every rating."""


EXACT = Observer(1.0, 0.0, 0.0, 0.0)
"""Rates without any error."""


def sample_habit(
    rng: np.random.Generator, *, gain: float, offset: float, noise: float, digits: float, refusal: float
) -> Habit:
    """A person's habit: standard deviations of log gain and offset, the noise, and mean shares of the rest.

    A refusal of 1 is of somebody who never answers.
    """
    return Habit(
        gain=float(np.exp(gain * rng.normal())),
        offset=float(offset * rng.normal()),
        noise=noise,
        digits=min(float(digits * rng.exponential()), 1.0),
        refusal=1.0 if refusal == 1 else min(float(refusal * rng.exponential()), 1.0),
    )


def sample_observer(rng: np.random.Generator, spread: float = 1.0) -> Observer:
    """An observer as in studies with several raters; `spread` 0 gives `EXACT`."""
    gain, bias = rng.normal(size=2)
    return Observer(float(np.exp(0.15 * spread * gain)), 0.05 * spread * bias, 0.06 * spread, 0.04 * spread)


def self_report(pain: Values, habit: Habit, rng: np.random.Generator, step: float = 1.0) -> Values:
    """Ratings of 0-10 of these pains, in whole `step`s; NaN where the person gives no answer."""
    value = np.clip(habit.offset + habit.gain * pain + habit.noise * rng.normal(size=len(pain)), 0, 10)
    value = step * np.round(value / step)
    nearest = FAVOURITES[np.abs(value[:, None] - FAVOURITES).argmin(1)]
    favoured = (rng.uniform(size=len(pain)) < habit.digits) & (np.abs(value - nearest) <= 1.5)
    refused = rng.uniform(size=len(pain)) < habit.refusal
    return np.where(refused, np.nan, np.where(favoured, nearest, value))


def observe(
    truth: Values, observer: Observer, rng: np.random.Generator, *, top: int, step: float = 1.0, repeats: int = 1
) -> Float[np.ndarray, "repeats n"]:
    """Ratings between 0 and `top` of these true values, each `repeats` times, in whole `step`s."""
    stays = observer.noise * rng.normal(size=len(truth))
    fresh = observer.repeatability * rng.normal(size=(repeats, len(truth)))
    value = observer.gain * truth + top * (observer.bias + stays + fresh)
    return step * np.round(np.clip(value, 0, top) / step)
