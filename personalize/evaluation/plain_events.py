"""Metrics of scores and probabilities: truth is 0 or 1, or for the c-index any number."""

import numpy as np
import scipy.stats
import sklearn.metrics as sk
from jaxtyping import Float

from personalize.evaluation.logistic import recalibrated, separated
from personalize.evaluation.values import Value, constant, one_class

ECE_BINS = 10
"""Bins of `ece`: as wide as one another from 0 to 1, closed below, the last one on both sides."""


def auroc(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Area under the ROC curve."""
    if reason := one_class(truth):
        return Value(None, reason)
    return Value(float(sk.roc_auc_score(truth, prediction)))


def auprc(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Average precision: the area under the precision-recall curve by steps; chance is the prevalence."""
    if reason := one_class(truth):
        return Value(None, reason)
    return Value(float(sk.average_precision_score(truth, prediction)))


def c_index(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """How often, of two units with different truth, the higher one has the higher prediction; ties count one half.

    From Kendall's tau-b, which SciPy finds in n log n. The AUROC where the truth is 0 or 1.
    """
    if reason := constant(truth):
        return Value(None, reason)
    if constant(truth, prediction):
        return Value(0.5)
    pairs = len(truth) * (len(truth) - 1) / 2
    apart = [
        pairs - sum(n * (n - 1) / 2 for n in np.unique(v, return_counts=True)[1].tolist()) for v in (truth, prediction)
    ]
    tau = float(np.asarray(scipy.stats.kendalltau(truth, prediction))[0])
    return Value(float(np.clip((1 + tau * np.sqrt(apart[1] / apart[0])) / 2, 0, 1)))


def brier(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Mean squared difference between probability and event."""
    return Value(float(sk.mean_squared_error(truth, prediction))) if len(truth) else Value(None, "no units")


def brier_scaled(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """One minus the Brier score over that of the prevalence of these units (Steyerberg et al. 2010); 1 is best."""
    if reason := one_class(truth):
        return Value(None, reason)
    return Value(float(1 - np.mean((truth - prediction) ** 2) / truth.var()))


def ece(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Expected calibration error (Naeini et al. 2015): mean over units of |mean event − mean probability| of their bin.

    With `ECE_BINS` bins of one width.
    """
    if len(truth) == 0:
        return Value(None, "no units")
    return Value(float(np.abs(np.bincount(probability_bin(prediction), truth - prediction)).sum() / len(truth)))


def probability_bin(prediction: Float[np.ndarray, "n"]) -> np.ndarray:
    """The bin of `ece` in which a probability lies."""
    return np.minimum((prediction * ECE_BINS).astype(int), ECE_BINS - 1)


def calibration_intercept(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Intercept of the logistic recalibration with the slope held at 1 (calibration in the large); 0 is best."""
    if reason := one_class(truth):
        return Value(None, reason)
    return Value(float(recalibrated(truth, prediction, np.ones((1, len(truth))), slope=False)[0]))


def calibration_slope(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Slope of the logistic recalibration of the log-odds (Cox 1958); 1 is best, less means too extreme."""
    if reason := one_class(truth) or constant(truth, prediction):
        return Value(None, reason)
    if separated(truth, prediction):
        return Value(None, "the probabilities tell the events apart without an error: no finite slope")
    found = float(recalibrated(truth, prediction, np.ones((1, len(truth))), slope=True)[0])
    return Value(None, "the logistic fit did not converge") if np.isnan(found) else Value(found)


EVENTS = {
    f.__name__: f for f in (auroc, auprc, c_index, brier, brier_scaled, ece, calibration_intercept, calibration_slope)
}
