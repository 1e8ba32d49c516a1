"""Metrics: pure functions from truth and prediction to a number, or to the reason why there is none."""

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float

from personalize.evaluation.plain_classes import CLASSES
from personalize.evaluation.plain_events import EVENTS, c_index
from personalize.evaluation.plain_numbers import NUMBERS, kappa_quadratic
from personalize.evaluation.targets import VIEWS, Target, as_target, view
from personalize.evaluation.values import Value

__all__ = ["LOWER_IS_BETTER", "METRICS", "Value", "metrics_of"]

LOWER_IS_BETTER = frozenset({"mse", "mae", "mae_by_level", "brier", "ece"})

_PLAIN = {
    "cut": CLASSES,
    "codes": {**CLASSES, "kappa_quadratic": kappa_quadratic},
    "events": EVENTS,
    "numbers": {**NUMBERS, "c_index": c_index},
}


def _evaluate(
    metric: str,
    truth: Float[np.ndarray, "n"],
    prediction: Float[np.ndarray, "n"],
    target: Target | float | None,
    cut: Float[np.ndarray, "n"] | None = None,
) -> Value:
    target = as_target(target)
    seen = view(metric, truth, prediction, target, cut)
    return Value(None, seen) if isinstance(seen, str) else _PLAIN[VIEWS[target.kind][metric]][metric](*seen)


NAMES = (
    "accuracy", "balanced_accuracy", "auroc", "auprc", "f1_macro", "f1_micro", "kappa_quadratic", "sensitivity",
    "specificity", "ppv", "npv", "mse", "mae", "mae_by_level", "pcc", "ccc", "icc21", "icc31", "c_index", "brier",
    "brier_scaled", "calibration_intercept", "calibration_slope", "ece",
)  # fmt: skip
"""The fixed names, in the order in which results list them."""

METRICS: dict[str, Callable[..., Value]] = {name: partial(_evaluate, name) for name in NAMES}
"""name -> f(truth, prediction, target, cut=None); `target` is a `Target`, or the threshold of a numeric one or None."""


def metrics_of(kind: str) -> tuple[str, ...]:
    """The metrics that are defined for a kind of target."""
    return tuple(name for name in NAMES if name in VIEWS[kind])
