"""Simulated people for the tests of adaptation."""

from typing import NamedTuple

import numpy as np


class World(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    person: np.ndarray
    calibration: np.ndarray
    test: np.ndarray

    def take(self, mask):
        return World(*(values[mask] for values in self))


def people(count, units=20, k=3, *, offset=0.0, gain=0.0, noise=1.0, width=6, heavy=False, seed=0):
    """People who differ in offset and gain (standard deviations) of one linear map; the first k units calibrate."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count * units, width))
    own = np.repeat(rng.normal(size=(count, 2)), units, axis=0)
    e = rng.standard_t(4, size=len(x)) / np.sqrt(2) if heavy else rng.normal(size=len(x))
    y = 2 + (1 + gain * own[:, 1]) * (x[:, 0] + x[:, 1]) + offset * own[:, 0] + noise * e
    return World(x, y, *_masks(count, units, k))


def classed(count, units=30, k=2, *, common=0.0, own=0.0, classes=3, width=5, seed=0):
    """People whose class means are moved together (`common`) and each by itself (`own`, standard deviations)."""
    rng = np.random.default_rng(seed)
    means = 1.5 * rng.normal(size=(classes, width))
    code = np.tile(np.arange(units) % classes, count)
    shift = common * np.repeat(rng.normal(size=(count, width)), units, axis=0)
    each = own * rng.normal(size=(count, classes, width))[np.repeat(np.arange(count), units), code]
    x = means[code] + shift + each + rng.normal(size=(count * units, width))
    return World(x, code.astype(float), *_masks(count, units, k * classes))


def _masks(count, units, k):
    place = np.tile(np.arange(units), count)
    return np.repeat([f"sub-{i:03d}" for i in range(count)], units), place < k, place >= units // 2
