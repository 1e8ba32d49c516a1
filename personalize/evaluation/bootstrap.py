"""Participant bootstrap: whole people are drawn with replacement, never frames.

Every pooled metric is a function of sums over participants, so a resample is a vector of how often each person
was drawn, and all resamples are matrix products.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from personalize.evaluation.metrics import METRICS

INTERVAL = "bootstrap_percentile_95"
"""How the intervals are made: the column `interval` of every row."""
COVERAGE = 0.95


class People(NamedTuple):
    """Units by participant; `names` are sorted and `code` indexes them."""

    truth: Float[np.ndarray, "n"]
    prediction: Float[np.ndarray, "n"]
    code: Int[np.ndarray, "n"]
    names: Shaped[np.ndarray, "p"]


def by_people(
    truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"], participant: Shaped[np.ndarray, "n"]
) -> People:
    """Groups units by participant."""
    names, code = np.unique(participant, return_inverse=True)
    return People(truth, prediction, code, names)


def draw_counts(people: int, draws: int, seed: int) -> Int[np.ndarray, "b p"]:
    """How often each person occurs in each resample."""
    return np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=draws)


def person_values(metric: str, units: People, threshold: float | None) -> tuple[np.ndarray, list[str]]:
    """The metric of every person, NaN where undefined, and the reasons of those."""
    found = [
        METRICS[metric](units.truth[units.code == p], units.prediction[units.code == p], threshold)
        for p in range(len(units.names))
    ]
    values = np.array([np.nan if v.value is None else v.value for v in found], float)
    return values, [v.reason for v in found if v.reason is not None]


def mean_replicates(values: Float[np.ndarray, "p"], counts: Int[np.ndarray, "b p"]) -> Float[np.ndarray, "b"]:
    """Mean over people in each resample, people with NaN left out; NaN where nobody is left."""
    defined = ~np.isnan(values)
    size = counts @ defined
    total = counts @ np.where(defined, values, 0.0)
    return np.divide(total, size, out=np.full(len(counts), np.nan), where=size > 0)


def pooled_replicates(
    metric: str, units: People, counts: Int[np.ndarray, "b p"], threshold: float | None
) -> Float[np.ndarray, "b"]:
    """The pooled metric of each resample; NaN where undefined."""
    return _POOLED[metric](units, counts.astype(float), threshold)


def percentile_interval(replicates: Float[np.ndarray, "b"]) -> tuple[float, float] | None:
    """The middle 95 % of the resamples in which the metric was defined; None where that is under half of them."""
    defined = replicates[~np.isnan(replicates)]
    if len(defined) < len(replicates) / 2 or len(defined) == 0:
        return None
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def _sums(units: People, *columns: np.ndarray) -> Float[np.ndarray, "p c"]:
    size = len(units.names)
    return np.stack([np.bincount(units.code, weights=column, minlength=size) for column in columns], axis=1)


def _moments(units: People, counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Means, variances and covariance (over n) of truth and prediction in each resample."""
    # Centred first, so that the differences of squares below lose no digits to a large mean.
    shift_t, shift_p = units.truth.mean(), units.prediction.mean()
    t, p = units.truth - shift_t, units.prediction - shift_p
    n, st, sp, stt, spp, stp = (counts @ _sums(units, np.ones_like(t), t, p, t * t, p * p, t * p)).T
    mt, mp = st / n, sp / n
    return mt + shift_t, mp + shift_p, stt / n - mt**2, spp / n - mp**2, stp / n - mt * mp


def _positive(variance: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The variances, NaN where they are zero but for the rounding of their values."""
    return np.where(variance > 1e-20 * max(1.0, float(np.square(values).max())), variance, np.nan)


def _pcc(units: People, counts: np.ndarray, threshold: float | None) -> np.ndarray:
    _, _, vt, vp, cov = _moments(units, counts)
    return np.clip(cov / np.sqrt(_positive(vt, units.truth) * _positive(vp, units.prediction)), -1.0, 1.0)


def _ccc(units: People, counts: np.ndarray, threshold: float | None) -> np.ndarray:
    mt, mp, vt, vp, cov = _moments(units, counts)
    return 2 * cov / (_positive(vt, units.truth) + vp + (mt - mp) ** 2)


def _mae(units: People, counts: np.ndarray, threshold: float | None) -> np.ndarray:
    total, n = (counts @ _sums(units, np.abs(units.truth - units.prediction), np.ones_like(units.truth))).T
    return total / n


def _f1_macro(units: People, counts: np.ndarray, threshold: float | None) -> np.ndarray:
    if threshold is None:
        return np.full(len(counts), np.nan)
    truth, hit = units.truth >= threshold, units.prediction >= threshold
    cells = _sums(units, *(np.asarray(c, float) for c in (truth & hit, ~truth & hit, truth & ~hit, ~truth & ~hit)))
    tp, fp, fn, tn = (counts @ cells).T
    both = (2 * tp / np.maximum(2 * tp + fp + fn, 1) + 2 * tn / np.maximum(2 * tn + fp + fn, 1)) / 2
    return np.where((tp + fn > 0) & (tn + fp > 0), both, np.nan)


def _auroc(units: People, counts: np.ndarray, threshold: float | None) -> np.ndarray:
    """From the number of rightly ordered pairs between the positives of one person and the negatives of another."""
    if threshold is None:
        return np.full(len(counts), np.nan)
    size, truth = len(units.names), units.truth >= threshold
    positives, owner = units.prediction[truth], units.code[truth]
    wins = np.zeros((size, size))
    for person in range(size):
        negatives = np.sort(units.prediction[~truth & (units.code == person)])
        above = np.searchsorted(negatives, positives, "left") + np.searchsorted(negatives, positives, "right")
        wins[:, person] = np.bincount(owner, weights=above / 2, minlength=size)
    n_pos, n_neg = (counts @ _sums(units, truth.astype(float), (~truth).astype(float))).T
    right = np.einsum("bp,bp->b", counts @ wins, counts)
    pairs = n_pos * n_neg
    return np.divide(right, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)


_POOLED: dict[str, Callable[[People, np.ndarray, float | None], np.ndarray]] = {
    "auroc": _auroc,
    "pcc": _pcc,
    "ccc": _ccc,
    "mae": _mae,
    "f1_macro": _f1_macro,
}
