"""The fixed measurement model: action units as an imperfect meter reads them, and what is predicted from them.

Ratings are predicted by one linear reading, the same for everybody. A personal system adds the person's own mean error
on a few labelled units of the first recording, shrunk towards none.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from personalize.phantom.face.facs import AUS
from personalize.signals.meter import Meter, misread, tops
from scripts.claims.streams import Streams

TOP = tops(AUS)
"""Highest intensity of each action unit."""


class Reading(NamedTuple):
    """The rating that is predicted from measured action units: linear, within the scale."""

    weights: Float[np.ndarray, "19"]
    intercept: float
    top: float
    """Of the scale, which begins at 0."""

    def __call__(self, measured: Float[np.ndarray, "n 19"]) -> Float[np.ndarray, "n"]:
        """The predictions of units."""
        return np.clip(measured @ self.weights + self.intercept, 0, self.top)


def measure(people: Streams, meter: Meter, rng: np.random.Generator) -> Float[np.ndarray, "n 19"]:
    """The action units of people as a meter reads them, within their range; every error is drawn afresh."""
    size, count = people.face.shape[1], people.person[-1] + 1
    gain = np.exp(meter.gain * rng.normal(size=(count, size)))[people.person]
    offset = meter.person * rng.normal(size=(count, size))[people.person]
    offset += meter.recording * rng.normal(size=(2, count, size))[people.later.astype(int), people.person]
    noise = meter.noise * rng.normal(size=people.face.shape)
    return misread(people.face, gain, offset + noise, TOP)


def fit(people: Streams, meter: Meter, top: float, rng: np.random.Generator) -> Reading:
    """The reading of least squares for people as a meter reads them."""
    measured = np.column_stack([measure(people, meter, rng), np.ones(len(people.truth))])
    weights = np.linalg.lstsq(measured, people.truth, rcond=None)[0]
    return Reading(weights[:-1], float(weights[-1]), top)


def labelled(people: Streams, labels: int) -> Bool[np.ndarray, "n"]:
    """So many units of everybody's first recording, spread over it from its first to its last."""
    found = np.zeros(len(people.truth), bool)
    for number in range(people.person[-1] + 1):
        first = np.flatnonzero((people.person == number) & ~people.later)
        found[first[np.rint(np.linspace(0, len(first) - 1, labels)).astype(int)]] = True
    return found


def personal(
    prediction: Float[np.ndarray, "n"], people: Streams, given: Bool[np.ndarray, "n"], top: float
) -> Float[np.ndarray, "n"]:
    """Predictions moved by each person's mean error on the units `given`, times n / (n + 1) for n of them."""
    error, count = np.where(given, people.truth - prediction, 0), given.astype(float)
    shift = np.bincount(people.person, error) / (np.bincount(people.person, count) + 1)
    return np.clip(prediction + shift[people.person], 0, top)
