"""A synthetic cohort in which faces tell people apart better than they tell pain."""

from typing import NamedTuple

import numpy as np
import pandas as pd

STEP, LENGTH = 1.0, 2.0
"""Seconds between the windows and their length: neighbours overlap by half."""


class World(NamedTuple):
    """Units as a table, their features and ratings."""

    table: pd.DataFrame
    x: np.ndarray
    y: np.ndarray


def make_world(people: int = 16, units: int = 24, width: int = 24, signal: float = 0.0, seed: int = 0) -> World:
    """Two recordings per person. Features: who it is, which recording, something slow, noise, and `signal` of pain.

    Ratings: a level of the person, something else that is slow, noise. With `signal` 0 nothing in the features says
    how a person never seen would rate: an honest score is 0 or, by the luck of so few people, about it.
    """
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=width) / np.sqrt(width)
    tables, features, ratings = [], [], []
    for number in range(people):
        person, identity, level = f"sub-{number + 1:02d}", rng.normal(size=width), 1.5 * rng.normal()
        for session in range(2):
            pain = _slow(rng, units, 1)[:, 0]
            t0 = np.arange(units) * STEP
            recording = f"{person}/ses-{session + 1:02d}"
            keys = {"participant": person, "recording": recording, "sequence": session, "t0": t0, "t1": t0 + LENGTH}
            tables.append(pd.DataFrame({**keys, "checksum": f"{seed}-{recording}"}))
            own = identity + 0.3 * rng.normal(size=width) + 0.5 * _slow(rng, units, width)
            features.append(own + signal * np.outer(pain, direction) + 0.3 * rng.normal(size=(units, width)))
            ratings.append(level + pain + 0.3 * rng.normal(size=units))
    return World(pd.concat(tables, ignore_index=True), np.concatenate(features), np.concatenate(ratings))


def _slow(rng: np.random.Generator, units: int, width: int) -> np.ndarray:
    """Columns of unit variance that change over some six units."""
    steps = rng.normal(size=(units + 12, width))
    kernel = np.hanning(14)[1:-1]
    smooth = np.stack([np.convolve(steps[:, i], kernel, "valid") for i in range(width)], axis=1)
    return smooth[:units] / np.sqrt((kernel**2).sum())
