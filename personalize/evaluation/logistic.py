"""Logistic recalibration of probabilities for many weightings of the same units at once."""

import numpy as np
import scipy.special
from jaxtyping import Float

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

    Newton's method from the uncalibrated model, steps of at most `_LONGEST`; NaN where it does not settle.
    """
    x = log_odds(prediction)
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
    found = b if slope else a
    return np.where(step < 1e-6 * np.maximum(1, np.abs(a) + np.abs(b)), found, np.nan)
