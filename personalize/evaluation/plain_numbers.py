"""Metrics of numbers: errors, correlation, agreement, and calibration on the scale of the rating."""

import numpy as np
import scipy.stats
import sklearn.metrics as sk
from jaxtyping import Float

from personalize.evaluation.values import Value, constant


def mse(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Mean squared error, in squared units of the rating."""
    return Value(float(sk.mean_squared_error(truth, prediction))) if len(truth) else Value(None, "no units")


def mae(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Mean absolute error, in units of the rating."""
    return Value(float(sk.mean_absolute_error(truth, prediction))) if len(truth) else Value(None, "no units")


def mae_by_level(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Mean over the whole levels of the truth (rounded) of the mean absolute error at that level.

    So that a rare level counts as much as the many moments without pain (Baccianella et al., ISDA 2009).
    """
    if len(truth) == 0:
        return Value(None, "no units")
    _, level = np.unique(np.rint(truth), return_inverse=True)
    return Value(float((np.bincount(level, np.abs(truth - prediction)) / np.bincount(level)).mean()))


def pcc(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Pearson's correlation."""
    if reason := constant(truth, prediction):
        return Value(None, reason)
    return Value(float(np.asarray(scipy.stats.pearsonr(truth, prediction))[0]))


def ccc(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Lin's concordance correlation (Biometrics 1989, 45:255), with moments over n.

    Undefined for a constant truth; a constant prediction of a varying truth has concordance 0.
    """
    if reason := constant(truth):
        return Value(None, reason)
    if constant(truth, prediction):
        return Value(0.0)
    covariance = np.mean((truth - truth.mean()) * (prediction - prediction.mean()))
    spread = truth.var() + prediction.var() + (truth.mean() - prediction.mean()) ** 2
    return Value(float(2 * covariance / spread))


def icc(ratings: Float[np.ndarray, "n k"]) -> tuple[float, float]:
    """ICC(2,1) and ICC(3,1) of n targets rated by the same k judges (Shrout & Fleiss, Psychol Bull 1979, 86:420).

    ICC(2,1) is NaN where its estimate of all variance is 0, as for two targets whose ratings are swapped.
    """
    n, k = ratings.shape
    grand, by_target, by_judge = ratings.mean(), ratings.mean(1, keepdims=True), ratings.mean(0, keepdims=True)
    bms = k * np.sum((by_target - grand) ** 2) / (n - 1)
    jms = n * np.sum((by_judge - grand) ** 2) / (k - 1)
    ems = np.sum((ratings - by_target - by_judge + grand) ** 2) / ((n - 1) * (k - 1))
    both = bms + (k - 1) * ems
    agreed = both + k * (jms - ems) / n
    absolute = (bms - ems) / agreed if agreed > 1e-12 * both else np.nan
    return float(absolute), float((bms - ems) / both)


def icc21(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Absolute agreement of truth and prediction as two judges from many; undefined for a constant truth."""
    return _icc(truth, prediction, 0)


def icc31(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Consistency of truth and prediction as the only two judges; undefined for a constant truth."""
    return _icc(truth, prediction, 1)


def _icc(truth: np.ndarray, prediction: np.ndarray, which: int) -> Value:
    if reason := constant(truth):
        return Value(None, reason)
    found = icc(np.column_stack([truth, prediction]))[which]
    return Value(None, "its estimate of the variance is 0") if np.isnan(found) else Value(found)


def kappa_quadratic(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Cohen's kappa with quadratic weights between whole levels; undefined for a constant truth.

    Weights are squared differences of the levels themselves; a level that nobody used is no gap less.
    """
    if reason := constant(truth):
        return Value(None, reason)
    low, high = _ends(truth, prediction)
    labels = np.arange(low, high + 1)
    kappa = sk.cohen_kappa_score(truth.astype(int), prediction.astype(int), labels=labels, weights="quadratic")
    return Value(float(kappa))


def _ends(truth: np.ndarray, prediction: np.ndarray) -> tuple[int, int]:
    both = np.concatenate([truth, prediction])
    return int(both.min()), int(both.max())


def calibration_intercept(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Mean of truth minus prediction: the intercept with the slope held at 1; 0 is best."""
    return Value(float(np.mean(truth - prediction))) if len(truth) else Value(None, "no units")


def calibration_slope(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Slope of the truth on the prediction by least squares; 1 is best, less means predictions too far apart."""
    if len(truth) < 2 or constant(prediction):
        return Value(None, "fewer than two units" if len(truth) < 2 else "constant prediction")
    return Value(float(np.asarray(scipy.stats.linregress(prediction, truth))[0]))


NUMBERS = {
    f.__name__: f for f in (mse, mae, mae_by_level, pcc, ccc, icc21, icc31, calibration_intercept, calibration_slope)
}
