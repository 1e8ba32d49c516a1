"""Metrics of resamples that follow from sums over each person: counts of decisions, and of errors."""

from functools import partial

import numpy as np
from jaxtyping import Float, Int

from personalize.evaluation.plain_events import ECE_BINS, probability_bin


def person_sums(
    values: Float[np.ndarray, "n"], code: Int[np.ndarray, "n"], people: int, group: np.ndarray, groups: int
) -> Float[np.ndarray, "p g"]:
    """Sum of values over the units of each person and group."""
    return np.bincount(code * groups + group, values, people * groups).reshape(people, groups)


def divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The quotient, NaN where nothing is below."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def mae(truth: np.ndarray, prediction: np.ndarray, code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean absolute error."""
    return _mean(np.abs(truth - prediction), code, counts)


def mae_by_level(truth: np.ndarray, prediction: np.ndarray, code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean over the rounded levels that are there of the mean absolute error."""
    levels, level = np.unique(np.rint(truth), return_inverse=True)
    of = (code, counts.shape[1], level, len(levels))
    errors, units = (counts @ person_sums(v, *of) for v in (np.abs(truth - prediction), np.ones(len(truth))))
    each = divided(errors, units)
    return divided(np.nansum(each, 1), (units > 0).sum(1).astype(float))


def brier_scaled(truth: np.ndarray, prediction: np.ndarray, code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """One minus the Brier score over that of the prevalence."""
    prevalence = _mean(truth, code, counts)
    return 1 - divided(_mean((truth - prediction) ** 2, code, counts), prevalence * (1 - prevalence))


def ece(truth: np.ndarray, prediction: np.ndarray, code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Expected calibration error."""
    gaps = counts @ person_sums(truth - prediction, code, counts.shape[1], probability_bin(prediction), ECE_BINS)
    return divided(np.abs(gaps).sum(1), counts @ np.bincount(code, minlength=counts.shape[1]))


def _mean(values: np.ndarray, code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    people = counts.shape[1]
    return divided(counts @ np.bincount(code, values, people), counts @ np.bincount(code, minlength=people))


def _cells(truth: np.ndarray, prediction: np.ndarray, code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Units by true and called class in each resample [b, k, k]."""
    classes, both = np.unique(np.concatenate([truth, prediction]), return_inverse=True)
    size, (t, p) = len(classes), both.reshape(2, -1)
    cells = person_sums(np.ones(len(t)), code, counts.shape[1], t * size + p, size * size)
    return (counts @ cells).reshape(-1, size, size)


def _accuracy(truth: np.ndarray, prediction: np.ndarray, code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return _mean((truth == prediction).astype(float), code, counts)


def _balanced_accuracy(truth: np.ndarray, prediction: np.ndarray, code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    cells = _cells(truth, prediction, code, counts)
    true = cells.sum(2)
    recall = divided(np.einsum("bkk->bk", cells), true)
    there = (true > 0).sum(1)
    return np.where(there > 1, np.nansum(recall, 1) / np.maximum(there, 1), np.nan)


def _f1_macro(truth: np.ndarray, prediction: np.ndarray, code: np.ndarray, counts: np.ndarray) -> np.ndarray:
    cells = _cells(truth, prediction, code, counts)
    true, called = cells.sum(2), cells.sum(1)
    f1 = divided(2 * np.einsum("bkk->bk", cells), true + called)
    there = (true + called > 0).sum(1)
    return np.where((true > 0).sum(1) > 1, np.nansum(f1, 1) / np.maximum(there, 1), np.nan)


def _side(
    truth: np.ndarray, prediction: np.ndarray, code: np.ndarray, counts: np.ndarray, *, of: str, side: int
) -> np.ndarray:
    """Share of the units on one side (of truth or prediction) that are right."""
    chosen = (truth if of == "truth" else prediction) == side
    people = counts.shape[1]
    right = counts @ np.bincount(code, (chosen & (truth == prediction)).astype(float), people)
    return divided(right, counts @ np.bincount(code, chosen.astype(float), people))


CLASSES = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1_macro": _f1_macro,
    "f1_micro": _accuracy,
    "sensitivity": partial(_side, of="truth", side=1),
    "specificity": partial(_side, of="truth", side=0),
    "ppv": partial(_side, of="prediction", side=1),
    "npv": partial(_side, of="prediction", side=0),
}
