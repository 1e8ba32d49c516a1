"""Logistic recalibration of probabilities for many weightings of the same units at once."""

import numpy as np
import scipy.special
from jaxtyping import Float

from personalize.evaluation.values import varies

EDGE = 1e-6
"""Probabilities are held at least so far from 0 and 1, whose log-odds are infinite."""
_STEPS, _SMALL, _LONGEST = 60, 1e-11, 4.0


def log_odds(probability: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Log-odds, finite by `EDGE`."""
    return scipy.special.logit(np.clip(probability, EDGE, 1 - EDGE))


def separated(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> bool:
    """Whether no event lies below a non-event, or none above: the slope then has no finite estimate."""
    event = truth == 1
    up = prediction[event].min() >= prediction[~event].max()
    return bool(up or prediction[event].max() <= prediction[~event].min())


def recalibrated(
    truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"], weight: Float[np.ndarray, "b n"], *, slope: bool
) -> Float[np.ndarray, "b"]:
    """Slope of the event on the log-odds by maximum likelihood, or the intercept with the slope held at 1.

    NaN where the fit does not settle.
    """
    intercept, found = _fitted(truth, log_odds(prediction), weight, slope=slope)
    return found if slope else intercept


def recalibration(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> tuple[float, float]:
    """Intercept and slope of the event on the log-odds, by which other probabilities of the model can be corrected.

    Where the log-odds are all alike, or higher ones hold fewer events, they say nothing of an event: the slope is 0 and
    the intercept that of the prevalence. Both NaN where all units are of one class, or told apart without an error.
    """
    prevalence = float(truth.mean()) if len(truth) else 0.0
    if not 0 < prevalence < 1:
        return np.nan, np.nan
    level = float(scipy.special.logit(prevalence)), 0.0
    event = truth == 1
    if not varies(log_odds(prediction)) or prediction[event].max() <= prediction[~event].min():
        return level
    if separated(truth, prediction):
        return np.nan, np.nan
    intercept, slope = (float(each[0]) for each in _fitted(truth, log_odds(prediction), np.ones((1, len(truth)))))
    return level if slope < 0 else (intercept, slope)


def _fitted(
    truth: Float[np.ndarray, "n"], x: Float[np.ndarray, "n"], weight: Float[np.ndarray, "b n"], *, slope: bool = True
) -> tuple[Float[np.ndarray, "b"], Float[np.ndarray, "b"]]:
    """Intercept and slope; Newton's method from the uncalibrated model, steps of at most `_LONGEST`."""
    a, b = np.zeros(len(weight)), np.full(len(weight), 0.0 if slope else 1.0)
    step = np.full(len(weight), np.inf)
    for _ in range(_STEPS):
        p = scipy.special.expit(a[:, None] + b[:, None] * x)
        curve = weight * p * (1 - p)
        error = weight * (truth - p)
        gradient, h0 = error.sum(1), curve.sum(1)
        if slope:
            g1, h1, h2 = error @ x, curve @ x, curve @ (x * x)
            size = np.maximum(h0 * h2 - h1**2, 1e-300)
            da, db = (h2 * gradient - h1 * g1) / size, (h0 * g1 - h1 * gradient) / size
        else:
            da, db = gradient / np.maximum(h0, 1e-300), np.zeros_like(a)
        step = np.maximum(np.abs(da), np.abs(db))
        short = np.minimum(1.0, _LONGEST / np.maximum(step, 1e-300))
        a, b = a + short * da, b + short * db
        if (step < _SMALL * np.maximum(1, np.abs(a) + np.abs(b))).all():
            break
    settled = step < 1e-6 * np.maximum(1, np.abs(a) + np.abs(b))
    return np.where(settled, a, np.nan), np.where(settled, b, np.nan)
