"""Metrics of resamples that need the weight of every single unit; done in parts, to spare memory."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from personalize.evaluation.logistic import recalibrated
from personalize.evaluation.sums import divided

_CELLS = 4_000_000
"""Weights held at a time."""


def in_parts(
    function: Callable[[np.ndarray], np.ndarray], counts: Float[np.ndarray, "b p"], person: Int[np.ndarray, "n"]
) -> Float[np.ndarray, "b"]:
    """A function of the units' weights [some of b, n], applied to all resamples."""
    rows = max(1, _CELLS // max(1, len(person)))
    parts = [function(counts[start : start + rows][:, person]) for start in range(0, len(counts), rows)]
    return np.concatenate(parts) if parts else np.empty(0)


def calibration_intercept(
    truth: Float[np.ndarray, "n"],
    prediction: Float[np.ndarray, "n"],
    code: Int[np.ndarray, "n"],
    counts: Float[np.ndarray, "b p"],
) -> Float[np.ndarray, "b"]:
    """Calibration in the large on the log-odds."""
    prevalence = divided(counts @ np.bincount(code, truth, counts.shape[1]), _size(code, counts))
    found = in_parts(lambda weight: recalibrated(truth, prediction, weight, slope=False), counts, code)
    return np.where((prevalence > 0) & (prevalence < 1), found, np.nan)


def calibration_slope(
    truth: Float[np.ndarray, "n"],
    prediction: Float[np.ndarray, "n"],
    code: Int[np.ndarray, "n"],
    counts: Float[np.ndarray, "b p"],
) -> Float[np.ndarray, "b"]:
    """Slope of the event on the log-odds; NaN where events and non-events do not overlap."""
    (low1, high1), (low0, high0) = (_ends(prediction, code, truth == side, counts) for side in (1, 0))
    overlap = np.isfinite(low1 + low0) & (low1 < high0) & (high1 > low0)
    found = np.full(len(counts), np.nan)
    fit = in_parts(lambda weight: recalibrated(truth, prediction, weight, slope=True), counts[overlap], code)
    found[overlap] = fit
    return found


def _size(code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return counts @ np.bincount(code, minlength=counts.shape[1])


def _ends(
    values: np.ndarray, code: np.ndarray, chosen: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest chosen value in each resample."""
    low, high = np.full(counts.shape[1], np.inf), np.full(counts.shape[1], -np.inf)
    np.minimum.at(low, code[chosen], values[chosen])
    np.maximum.at(high, code[chosen], values[chosen])
    return np.where(counts > 0, low, np.inf).min(1), np.where(counts > 0, high, -np.inf).max(1)
