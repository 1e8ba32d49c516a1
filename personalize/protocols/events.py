"""How likely an event is, such as pain at or above the threshold: what a prediction says, and what training people make
of it.

An event is a label at or above the threshold of a number, or the second of two classes.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.special
from jaxtyping import Float

from personalize.adaptation.base import Prediction
from personalize.evaluation.logistic import log_odds, recalibration
from personalize.protocols.cut import best_cut
from personalize.protocols.seen import Seen, saw
from personalize.protocols.units import Units


class Recalibration(NamedTuple):
    """Logistic recalibration (Cox 1958, Biometrika 45:562) and where an alarm begins, from training people only."""

    intercept: float
    """On the log-odds; NaN, as the slope, where it cannot be had (see `logistic.recalibration`)."""
    slope: float
    cut: float
    """The probability, not recalibrated, from which on an event is called."""
    seen_: Seen

    def apply(self, probability: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Recalibrated probabilities; NaN where they or the fit are."""
        return scipy.special.expit(self.intercept + self.slope * log_odds(probability))


def event_probability(prediction: Prediction, threshold: float | None) -> Float[np.ndarray, "n"] | None:
    """The probability of the second of two classes, or of a label at or above the threshold; None without an event.

    A number's label is normal about its prediction, as wide as its standard error says; NaN where that is not known.
    """
    if prediction.probability is not None:
        return prediction.probability[:, 1] if prediction.probability.shape[1] == 2 else None
    if threshold is None:
        return None
    beyond = np.where(prediction.value >= threshold, np.inf, -np.inf)  # where the error is 0
    away = np.divide(prediction.value - threshold, prediction.se, out=beyond, where=prediction.se != 0)
    return scipy.special.ndtr(away)


def recalibrate(
    left_out: Prediction, y: Float[np.ndarray, "n"], threshold: float | None, units: Units
) -> Recalibration | None:
    """Learned from training units, each predicted without its person; None where the target has no event."""
    probability = event_probability(left_out, threshold)
    if probability is None or not np.isfinite(probability).all():
        return None
    event = (y >= (1.0 if left_out.probability is not None or threshold is None else threshold)).astype(float)
    return Recalibration(*recalibration(event, probability), best_cut(probability, event), saw(units))


def event_columns(prediction: Prediction, threshold: float | None, fitted: Recalibration | None) -> dict[str, Any]:
    """The columns event_probability, event_recalibrated and event_cut of predictions; NaN where undefined."""
    probability = event_probability(prediction, threshold)
    if probability is None:
        probability = np.full(len(prediction.value), np.nan)
    if fitted is None:
        return {"event_probability": probability, "event_recalibrated": np.nan, "event_cut": np.nan}
    again = fitted.apply(probability)
    return {"event_probability": probability, "event_recalibrated": again, "event_cut": fitted.cut}
