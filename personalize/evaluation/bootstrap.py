"""Participant bootstrap: whole people are drawn with replacement, never frames."""

import numpy as np
import scipy.stats
from jaxtyping import Float, Int

from personalize.evaluation.jackknife import COVERAGE
from personalize.evaluation.people import People, mean_replicates, pooled_replicates

__all__ = [
    "People",
    "bca_interval",
    "draw_counts",
    "mean_replicates",
    "percentile_interval",
    "pooled_replicates",
]


def draw_counts(people: int, draws: int, seed: int) -> Int[np.ndarray, "b p"]:
    """How often each person occurs in each resample."""
    return np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=draws)


def percentile_interval(replicates: Float[np.ndarray, "b"]) -> tuple[float, float] | None:
    """The middle 95 % of the resamples in which the metric was defined; None where that is under half of them."""
    tail = (1 - COVERAGE) / 2
    return _quantiles(replicates, tail, 1 - tail)


def bca_interval(
    value: float, replicates: Float[np.ndarray, "b"], left_out: Float[np.ndarray, "p"]
) -> tuple[float, float] | None:
    """Efron's bias-corrected and accelerated interval (JASA 1987, 82:171).

    `left_out` holds the value without each person in turn. None where the metric is undefined without somebody, in
    over half of the resamples, or where all or none of them lie below the value.
    """
    defined = replicates[~np.isnan(replicates)]
    if len(defined) == 0 or np.isnan(left_out).any():
        return None
    below = (np.mean(defined < value) + np.mean(defined <= value)) / 2
    if not 0 < below < 1:
        return None
    change = left_out.mean() - left_out
    size = 6 * np.sum(change**2) ** 1.5
    acceleration = np.sum(change**3) / size if size > 0 else 0.0
    bias, tail = scipy.stats.norm.ppf(below), scipy.stats.norm.ppf([(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    low, high = scipy.stats.norm.cdf(bias + (bias + tail) / (1 - acceleration * (bias + tail)))
    return _quantiles(replicates, low, high)


def _quantiles(replicates: np.ndarray, low: float, high: float) -> tuple[float, float] | None:
    defined = replicates[~np.isnan(replicates)]
    if len(defined) < len(replicates) / 2 or len(defined) == 0:
        return None
    found = np.quantile(defined, [low, high])
    return float(found[0]), float(found[1])
