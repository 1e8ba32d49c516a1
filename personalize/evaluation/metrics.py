"""Metrics: pure functions from truth and prediction to a number, or to the reason why there is none."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.stats
import sklearn.metrics
from jaxtyping import Float


class Value(NamedTuple):
    """A metric's value, or None and why it is undefined."""

    value: float | None
    reason: str | None = None


LOWER_IS_BETTER = frozenset({"mae"})


def mae(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"], threshold: float | None) -> Value:
    """Mean absolute error, in units of the rating. `threshold` is not used."""
    if len(truth) == 0:
        return Value(None, "no units")
    return Value(float(sklearn.metrics.mean_absolute_error(truth, prediction)))


def pcc(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"], threshold: float | None) -> Value:
    """Pearson's correlation. `threshold` is not used."""
    if reason := _constant(truth, prediction):
        return Value(None, reason)
    return Value(float(np.asarray(scipy.stats.pearsonr(truth, prediction))[0]))


def ccc(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"], threshold: float | None) -> Value:
    """Lin's concordance correlation (Biometrics 1989, 45:255), with moments over n. `threshold` is not used.

    Undefined for a constant truth; a constant prediction of a varying truth has concordance 0.
    """
    if len(truth) < 2 or not _varies(truth):
        return Value(None, "constant truth" if len(truth) > 1 else "fewer than two units")
    if not _varies(prediction):
        return Value(0.0)
    covariance = np.mean((truth - truth.mean()) * (prediction - prediction.mean()))
    spread = truth.var() + prediction.var() + (truth.mean() - prediction.mean()) ** 2
    return Value(float(2 * covariance / spread))


def auroc(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"], threshold: float | None) -> Value:
    """Area under the ROC curve for truth at or above `threshold`."""
    if reason := _one_class(truth, threshold):
        return Value(None, reason)
    return Value(float(sklearn.metrics.roc_auc_score(truth >= threshold, prediction)))


def f1_macro(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"], threshold: float | None) -> Value:
    """Mean of the F1 of both classes, truth and prediction cut at the same `threshold`."""
    if reason := _one_class(truth, threshold):
        return Value(None, reason)
    cut = (truth >= threshold, prediction >= threshold)
    f1 = sklearn.metrics.f1_score(*cut, average="macro", zero_division=0.0)  # pyright: ignore[reportArgumentType]
    return Value(float(f1))


METRICS: dict[str, Callable[..., Value]] = {
    "auroc": auroc,
    "pcc": pcc,
    "ccc": ccc,
    "mae": mae,
    "f1_macro": f1_macro,
}


def _varies(values: Float[np.ndarray, "n"]) -> bool:
    """Whether the values differ by more than rounding."""
    return bool(np.ptp(values) > 1e-10 * max(1.0, float(np.abs(values).max())))


def _constant(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> str | None:
    if len(truth) < 2:
        return "fewer than two units"
    if not _varies(truth):
        return "constant truth"
    return None if _varies(prediction) else "constant prediction"


def _one_class(truth: Float[np.ndarray, "n"], threshold: float | None) -> str | None:
    if threshold is None:
        return "no threshold in the config"
    positives = int((truth >= threshold).sum())
    if positives in (0, len(truth)):
        return f"all {len(truth)} units {'below' if positives == 0 else 'at or above'} {threshold:g}"
    return None
