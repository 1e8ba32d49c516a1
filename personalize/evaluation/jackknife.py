"""The default interval: leave out each participant in turn, and t quantiles on the metric's natural scale.

The standard error is the jackknife's (Tukey 1958), carried to the scale by its slope at the value, so that a value
without one person may lie at the edge. Degrees of freedom are people less one, or fewer where a few people make most of
the variance: Satterthwaite's, with the correction for single squares by von Davier (2024, arXiv 2409.14606), but not
fewer than `FEWEST`. Coverage: `scripts/coverage`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.special
import scipy.stats
from jaxtyping import Float

COVERAGE = 0.95
"""Of all intervals."""
FEWEST = 3.0
"""Degrees of freedom (where there are so many people): fewer would be known too badly to be worth their width."""


class Scale(NamedTuple):
    """Where a metric's error is nearly normal: the way there, its slope, the way back, and the ends of the metric."""

    forward: Callable[[float], float]
    slope: Callable[[float], float]
    back: Callable[[np.ndarray], np.ndarray]
    lowest: float
    highest: float


SCALES = {
    "logit": Scale(scipy.special.logit, lambda v: 1 / (v * (1 - v)), scipy.special.expit, 0.0, 1.0),
    "fisher": Scale(np.arctanh, lambda v: 1 / (1 - v * v), np.tanh, -1.0, 1.0),
    "log": Scale(np.log, lambda v: 1 / v, np.exp, 0.0, np.inf),
    "as it is": Scale(lambda v: v, lambda v: 1.0, lambda v: v, -np.inf, np.inf),
}
_SCALE_OF = {
    "fisher": ("pcc", "ccc", "icc21", "icc31", "kappa_quadratic"),
    "log": ("mse", "mae", "mae_by_level", "brier", "ece"),
    "as it is": ("brier_scaled", "calibration_intercept", "calibration_slope"),
}


def natural_scale(metric: str) -> str:
    """The name of a metric's scale: logit for everything between 0 and 1 that is no error."""
    return next((scale for scale, metrics in _SCALE_OF.items() if metric in metrics), "logit")


def jackknife_interval(value: float, left_out: Float[np.ndarray, "p"], scale: str) -> tuple[float, float] | str:
    """The interval about a value, from the values without each participant; or why there is none.

    At the end of a scale of two ends (an AUROC of 1) nobody differs from anybody, and the interval is that of n
    successes in n people (Clopper & Pearson 1934), stretched to the scale: all 25 of 25 perfect, [0.863, 1]. An error
    of exactly 0 has no interval.
    """
    people = len(left_out)
    if people < 2:
        return "no interval over one participant"
    if np.isnan(left_out).any():
        return f"undefined without {int(np.isnan(left_out).sum())} of the participants"
    by = SCALES[scale]
    if value - by.lowest < 1e-12 or by.highest - value < 1e-12:
        return _at_the_end(by, value, people)
    change = left_out - left_out.mean()
    total = float(np.sum(change**2))
    error = np.sqrt((people - 1) / people * total) * by.slope(value)
    # Relative to rounding: people who are all alike have no freedom to speak of, and need none.
    freedom = 3 * total**2 / np.sum(change**4) - 2 if total > 1e-24 * max(1.0, value**2) else people - 1
    reach = scipy.stats.t.ppf((1 + COVERAGE) / 2, min(people - 1, max(FEWEST, freedom))) * error
    with np.errstate(over="ignore"):
        low, high = by.back(by.forward(value) + np.array([-reach, reach]))
    if not np.isfinite(high):
        return f"an interval without end: {people} participants differ by far more than their mean"
    return float(low), float(high)


def _at_the_end(by: Scale, value: float, people: int) -> tuple[float, float] | str:
    if not np.isfinite(by.highest):
        return "no error at all: nothing to take an interval from"
    inner = (by.highest - by.lowest) * (1 - ((1 - COVERAGE) / 2) ** (1 / people))
    return (by.lowest, by.lowest + inner) if value - by.lowest < 1e-12 else (by.highest - inner, by.highest)
