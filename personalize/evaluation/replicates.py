"""Pooled metrics of many resamples of people at once.

A resample is a vector of how often each person is in it: drawn with replacement, left out once, or alone. Nearly every
metric is a function of sums over people, so all resamples are one matrix product.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from personalize.evaluation.moments import MOMENTS
from personalize.evaluation.ranks import auprc, auroc, c_index
from personalize.evaluation.sums import CLASSES, brier_scaled, ece, mae, mae_by_level
from personalize.evaluation.targets import VIEWS, Target
from personalize.evaluation.weighted import calibration_intercept, calibration_slope

Replicates = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(truth[n], prediction[n], person[n], counts[b, p]) -> values[b], NaN where undefined."""

_FAST: dict[str, dict[str, Replicates]] = {
    "cut": CLASSES,
    "codes": {**CLASSES, "kappa_quadratic": MOMENTS["ccc"]},
    "numbers": {**MOMENTS, "mae": mae, "mae_by_level": mae_by_level, "c_index": c_index},
    "events": {
        "auroc": auroc,
        "auprc": auprc,
        "c_index": auroc,
        "brier": MOMENTS["mse"],
        "brier_scaled": brier_scaled,
        "ece": ece,
        "calibration_intercept": calibration_intercept,
        "calibration_slope": calibration_slope,
    },
}
"""By view. Quadratic kappa is Lin's concordance of the levels (Krippendorff 1970), the c-index of events the AUROC."""


def pooled_values(
    metric: str,
    target: Target,
    truth: Float[np.ndarray, "n"],
    prediction: Float[np.ndarray, "n"],
    code: Int[np.ndarray, "n"],
    counts: Float[np.ndarray, "b p"],
) -> Float[np.ndarray, "b"]:
    """The metric of each resample, from truth and prediction in the metric's own view; NaN where undefined."""
    return _FAST[VIEWS[target.kind][metric]][metric](truth, prediction, code, counts)
